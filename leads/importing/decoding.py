"""Bytes to text: which of the encodings that offices use a file is written in."""

import codecs
import itertools

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LOOKED_AT = 200_000  # bytes: enough to judge by, little enough to judge at once

# Letters that people's names are written with. A code page that turns them into signs is the wrong one
_LETTERS = {
    "cp1252": "äöüßÄÖÜéèêëàâáãåçñóòôõíìîïúùûøæœÉÈÊÀÂÁÇÑÓÔÍÎÚØÅÆŠšžŽ",
    "cp1250": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻčďěňřšťůúýžČĎĚŇŘŠŤŮÚÝŽáéíőűöüäßÁÉÍŐŰÖÜÄâîăţşÂÎĂŢŞđ",
}


class NoText(ValueError):
    """The bytes are no text; the exception's own text says so in one sentence."""


def decode(content: bytes) -> tuple[str, str]:
    """(text, name of the encoding). Raises NoText for what no office program would call a text file."""
    for bom, encoding in BOMS:
        if content.startswith(bom):
            return _strictly(content, encoding), encoding
    if b"\x00" in content:
        encoding = _utf16_without_mark(content)
        return _strictly(content, encoding), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = _code_page(content[:LOOKED_AT])
        return _strictly(content, encoding), encoding


def _strictly(content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode(encoding, "replace") if encoding.startswith("cp") else ""
    if not text or "\x00" in text or _looks_binary(text):
        raise NoText("This is not a text file. Save the list as CSV or as an Excel workbook (.xlsx).")
    return text


def _looks_binary(text: str) -> bool:
    sample = text[:LOOKED_AT]
    strange = sum(1 for letter in sample if letter < " " and letter not in "\t\r\n\x0b\x0c")
    return strange > len(sample) / 200


def _utf16_without_mark(content: bytes) -> str:
    """UTF-16 of mostly western text has its NUL bytes all on the odd, or all on the even places."""
    sample = content[:LOOKED_AT]
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    if max(odd, even) < len(sample) / 5 or min(odd, even) > max(odd, even) / 10:
        raise NoText("This is not a text file: it has NUL bytes in it. Save the list as CSV or as .xlsx.")
    return "utf-16-le" if odd > even else "utf-16-be"


def _code_page(sample: bytes) -> str:
    high = [byte > 127 for byte in sample]
    beside = sum(1 for one, next_one in itertools.pairwise(high) if one and next_one)
    if beside > sum(high) / 2:
        return "cp1251"  # whole words of high bytes: Cyrillic
    scores = {encoding: _score(sample, encoding) for encoding in _LETTERS}
    return max(scores, key=lambda encoding: scores[encoding])


def _score(sample: bytes, encoding: str) -> float:
    score = 0.0
    for letter in sample.decode(encoding, "replace"):
        if letter > "\x7f":
            score += 1 if letter in _LETTERS[encoding] else 0.2 if letter.isalpha() else -1
    return score
