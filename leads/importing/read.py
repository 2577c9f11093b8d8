"""A file of leads as a table: a header and rows of text, whatever program wrote it."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from leads.identity import BadValue, clean_email, storable
from leads.importing.decoding import NoText, decode

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_UNPACKED = 300 * 1024 * 1024
DELIMITERS = ",;\t|"
LONGEST_HEADER = 100
_SEP_LINE = re.compile(r"\Asep=(.)\r?\n")
_ZIP, _OLD_EXCEL, _PDF = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF"
_EXCEL_TROUBLE = (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError, SyntaxError)


class Unreadable(Exception):
    """The file cannot be imported; the text says why in one sentence."""


@dataclass(frozen=True)
class Record:
    """One row of the file. ``number`` counts from 1 below the header; ``cells`` has one text for each column."""

    number: int
    cells: list[str]
    has_more: bool = False  # the row had more cells than the file has columns


@dataclass(frozen=True)
class Table:
    """The file as read: its columns, its rows that are not blank, and how it was written."""

    columns: list[str]
    records: list[Record]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


def read(content: bytes) -> Table:
    """The whole table. Raises Unreadable."""
    if not content:
        raise Unreadable("The file is empty.")
    if len(content) > MOST_BYTES:
        raise Unreadable(f"The file has {len(content) / 1_048_576:.1f} MB; at most 10 MB can be imported at once.")
    if content.startswith(_OLD_EXCEL):
        raise Unreadable("This is an old Excel file (.xls). Save it as .xlsx or CSV.")
    if content.startswith(_PDF):
        raise Unreadable("This is a PDF. Save the list as CSV or as an Excel workbook (.xlsx).")
    return _read_excel(content) if content.startswith(_ZIP) else _read_text(content)


def _read_text(content: bytes) -> Table:
    try:
        text, encoding = decode(content)
    except NoText as error:
        raise Unreadable(str(error)) from None
    hint = _SEP_LINE.match(text)
    text = text[hint.end() :] if hint else text
    delimiter = hint[1] if hint else _delimiter(text)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns, records = _table(rows)
    except csv.Error as error:
        raise Unreadable(f"The file cannot be read as a table: {error}.") from None
    return Table(columns, records, encoding, delimiter)


def _delimiter(text: str) -> str:
    """The sign that parts the first lines into the most columns, the same number in (nearly) each."""
    best, best_score = ",", 0.0
    for sign in DELIMITERS:
        try:
            sample = csv.reader(io.StringIO(text[:50_000], newline=""), delimiter=sign)
            widths = [len(row) for _n, row in zip(range(50), sample, strict=False) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            same = sum(1 for width in widths if width == widths[0]) / len(widths)
            score = same * 10 + min(widths[0], 9)
            best, best_score = (sign, score) if score > best_score else (best, best_score)
    return best


def _read_excel(content: bytes) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise Unreadable("The workbook unpacks to more than 300 MB; save the list as CSV.")
        workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = workbook.worksheets[0] if workbook.worksheets else None
        if sheet is None:
            raise Unreadable("The workbook has no sheet.")
        columns, records = _table([_text_of(cell) for cell in row] for row in sheet.iter_rows(values_only=True))
    except _EXCEL_TROUBLE:
        raise Unreadable("The file is a damaged Excel workbook, or none. Save it again as .xlsx or CSV.") from None
    return Table(columns, records, sheet=sheet.title)


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # phone numbers and ids, which Excel keeps as numbers
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _table(rows: Iterable[list[str]]) -> tuple[list[str], list[Record]]:
    found: Iterator[list[str]] = iter(rows)
    header = next((row for row in found if any(cell.strip() for cell in row)), None)
    if header is None:
        raise Unreadable("There is nothing in the file.")
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"The file has {len(header)} columns; at most {MOST_COLUMNS} can be imported.")
    if any(_is_email(cell) for cell in header):
        columns = [f"Column {place}" for place in range(1, len(header) + 1)]
        found = _again(header, found)
    else:
        columns = _named(header)
    records = list(_records(found, len(columns)))
    if not records:
        raise Unreadable("There is a header, and no rows below it.")
    return columns, records


def _again(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _is_email(cell: str) -> bool:
    try:
        return "@" in cell and bool(clean_email(cell))
    except BadValue:
        return False


def _named(header: list[str]) -> list[str]:
    """Every column gets a name of its own: blank ones their place, doubles a number."""
    columns: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = " ".join(storable(cell).split())[:LONGEST_HEADER] or f"Column {place}"
        unique, again = name, 2
        while unique in columns:
            unique, again = f"{name} ({again})", again + 1
        columns.append(unique)
    return columns


def _records(rows: Iterable[list[str]], width: int) -> Iterator[Record]:
    count = 0
    for number, row in enumerate(rows, start=1):
        cells = [_cell(cell) for cell in row]
        if not any(cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise Unreadable(f"The file has more than {MOST_ROWS:,} rows; part it and import each part.")
        blank = [""] * (width - len(cells))
        yield Record(number, cells[:width] + blank, any(cells[width:]))


def _cell(text: str) -> str:
    """Trimmed, and without the apostrophe that keeps a spreadsheet from running it (see ``rejected``)."""
    cell = storable(text).strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in {"=", "+", "-", "@"} else cell
