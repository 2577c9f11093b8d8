"""Leads, imports and suppressions on the wire."""
