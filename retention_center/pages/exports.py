"""A list as a file: exactly the filtered rows, in the shown order, with the shown columns."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryFile

from django.db.models import QuerySet
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.utils.escape import escape

from retention_center.lib import clock
from retention_center.pages.columns import Column

KINDS = ("csv", "xlsx")
RISKY = ("=", "+", "-", "@", "\t", "\r")
CHUNK = 1000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def harmless(text: str) -> str:
    """A text no spreadsheet takes for a formula: an apostrophe goes before = + - @, tab or return."""
    return f"'{text}" if text.startswith(RISKY) else text


def plain(value: object) -> str | int | float | Decimal:
    """A value as a cell: numbers stay numbers, times are ISO 8601 in the reader's zone, texts are harmless."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    return harmless(str(value))


def answer(kind: str, name: str, columns: Sequence[Column], rows: QuerySet) -> HttpResponseBase:
    """The download; rows are read as it goes, so its size does not matter."""
    filename = f"{name}-{timezone.localtime(clock.now()):%Y-%m-%d}.{kind}"
    lines = table(columns, rows)
    if kind == "xlsx":
        return FileResponse(_workbook(lines), as_attachment=True, filename=filename, content_type=XLSX)
    body = StreamingHttpResponse(_csv(lines), content_type="text/csv; charset=utf-8")
    body["Content-Disposition"] = f'attachment; filename="{filename}"'
    return body


def table(columns: Sequence[Column], rows: QuerySet) -> Iterator[list[object]]:
    """The head, then a line per row."""
    yield [harmless(column.label) for column in columns]
    for row in rows.iterator(chunk_size=CHUNK):
        yield [plain(column.export(row)) for column in columns]


def _csv(lines: Iterator[list[object]]) -> Iterator[str]:
    yield "\ufeff"  # spreadsheets then read UTF-8
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for count, line in enumerate(lines):
        writer.writerow(line)
        if count % CHUNK == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _workbook(lines: Iterator[list[object]]) -> io.IOBase:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    for line in lines:
        sheet.append([escape(cell) if isinstance(cell, str) else cell for cell in line])
    file = TemporaryFile()  # noqa: SIM115 (FileResponse closes it)
    book.save(file)
    file.seek(0)
    return file
