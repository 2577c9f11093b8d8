"""Between Python's names and the wire's: ``external_id`` here is ``externalId`` there."""

import re

_UPPER = re.compile(r"[A-Z]")


def to_camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def to_snake(name: str) -> str:
    return _UPPER.sub(lambda match: f"_{match[0].lower()}", name)
