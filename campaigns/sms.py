"""What an SMS costs in segments: GSM 03.38 where every character has a place in it, else UCS-2."""

from typing import NamedTuple

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # two places each


class SmsSize(NamedTuple):
    """``characters`` as a reader counts them; ``segments`` is what the provider bills."""

    characters: int
    encoding: str  # "GSM-7" or "UCS-2"
    segments: int


def sms_size(text: str) -> SmsSize:
    """How the text goes out: one segment holds 160 GSM-7 places or 70 of UCS-2; of several, each holds 153 or 67."""
    if BASIC.union(EXTENDED).issuperset(text):
        widths, encoding, alone, together = [1 + (c in EXTENDED) for c in text], "GSM-7", 160, 153
    else:
        widths, encoding, alone, together = [1 + (ord(c) > 0xFFFF) for c in text], "UCS-2", 70, 67
    total = sum(widths)
    segments = (1 if total else 0) if total <= alone else _packed(widths, together)
    return SmsSize(len(text), encoding, segments)


def _packed(widths: list[int], room: int) -> int:
    """Segments of ``room`` places needed when no character may be cut in two."""
    segments, free = 0, 0
    for width in widths:
        if width > free:
            segments, free = segments + 1, room
        free -= width
    return segments
