"""Sequences and their steps, enrollments, and one execution per step and run."""

from sequences.models.enrollment import SequenceEnrollment, SequenceStepExecution
from sequences.models.sequence import RetentionSequence, SequenceStep, SequenceVersion

__all__ = [
    "RetentionSequence",
    "SequenceEnrollment",
    "SequenceStep",
    "SequenceStepExecution",
    "SequenceVersion",
]
