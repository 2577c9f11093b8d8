"""Refused steps as problem answers, for every address that takes steps."""

from collections.abc import Iterator
from contextlib import contextmanager

from retention_center.api.problems import Conflict, Problem
from sequences.changing import CannotChange
from sequences.drafting import DraftedMeanwhile
from sequences.publishing import MovedOn
from sequences.specs import InvalidSteps


@contextmanager
def refused_steps() -> Iterator[None]:
    """400 for steps that make no sense, each by its place; 409 for what the sequence forbids as it stands."""
    try:
        yield
    except InvalidSteps as bad:
        errors = [
            {"field": f"steps.{number - 1}.{field}", "code": "invalid", "message": sentence}
            for number, field, sentence in bad.errors
        ]
        raise Problem(400, str(bad), code="invalid", errors=errors) from bad
    except CannotChange as refusal:
        raise Conflict(str(refusal), code="cannot_change") from refusal
    except (MovedOn, DraftedMeanwhile) as refusal:
        raise Conflict(str(refusal), code="moved_on") from refusal
