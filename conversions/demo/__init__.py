"""Realistic rows for `make demo`: invented people, true to the rules, the same from one run to the next."""
