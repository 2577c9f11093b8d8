"""Sequences, their steps and enrollments on the wire, and the address other machines' timers call."""
