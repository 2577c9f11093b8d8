"""A file of addresses nobody may contact any more, such as another system's list of opt-outs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from leads import barring
from leads.identity import BadValue, clean_address, storable
from leads.importing import map as columns_of
from leads.importing.read import Record, Unreadable, read
from leads.models import Suppression
from retention_center.audit import Actor

MOST_ROWS = 20_000
SOURCE, REASON = "import", "imported"
ADDRESS_NAMES = ("address", "contact", "recipient", "number")
_CHANNELS = {value: value for value in Suppression.Scope.values} | {"E-MAIL": "EMAIL", "MAIL": "EMAIL", "": "ALL"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that bars nobody: its cells as they came, and why in one sentence."""

    number: int
    cells: list[str]
    why: str


@dataclass(slots=True)
class Taken:
    """What came of a file. ``lines`` were read; ``added`` and ``standing`` count addresses, ``stopped`` contacts."""

    columns: list[str]
    lines: int = 0
    added: int = 0
    standing: int = 0
    stopped: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def take_in(content: bytes, *, now: datetime, actor: Actor, region: str = "", reason: str = REASON) -> Taken:
    """Bar every address of the file, within the request; raises Unreadable, and then nothing was changed.

    A line bars its e-mail address and its phone number, from the channel its column *channel* names, else from all.
    """
    table = read(content)
    if len(table.records) > MOST_ROWS:
        raise Unreadable(f"The file has {len(table.records):,} lines; part it, at most {MOST_ROWS:,} go in at once.")
    columns, records = _with_header(table.columns, table.records, region)
    of_addresses = _address_columns(columns, records)
    taken = Taken(columns, len(records))
    wanted = list(_wanted(records, _Columns(columns, of_addresses, region, reason), taken.left_out))
    barred = barring.bar_all(wanted, source=SOURCE, now=now, actor=actor)
    taken.added, taken.standing, taken.stopped = barred.added, barred.standing, barred.stopped
    return taken


@dataclass(frozen=True, slots=True)
class _Columns:
    names: Sequence[str]
    addresses: Sequence[int]
    region: str
    reason: str

    def cell(self, record: Record, name: str) -> str:
        lower = [column.lower() for column in self.names]
        return record.cells[lower.index(name)] if name in lower else ""


def _wanted(records: Iterable[Record], columns: _Columns, left_out: list[LeftOut]) -> Iterator[barring.Wanted]:
    for record in records:
        try:
            yield from _of_line(record, columns)
        except BadValue as error:
            left_out.append(LeftOut(record.number, record.cells, error.message))


def _of_line(record: Record, columns: _Columns) -> list[barring.Wanted]:
    written = [record.cells[place] for place in columns.addresses if record.cells[place]]
    if not written:
        raise BadValue("blank", "There is no address in this line.")
    channel = _CHANNELS.get(columns.cell(record, "channel").upper())
    if channel is None:
        said = columns.cell(record, "channel")[:20]
        raise BadValue("channel", f"“{said}” is no channel; there are {', '.join(Suppression.Scope.values)}.")
    reason = storable(columns.cell(record, "reason"))[:60] or columns.reason
    note = storable(columns.cell(record, "note"))[:255]
    return [barring.Wanted(clean_address(text, columns.region), channel, reason, note) for text in written]


def _with_header(columns: list[str], records: Sequence[Record], region: str) -> tuple[list[str], list[Record]]:
    """A list of bare numbers has no header: what was taken for one is its first line."""
    try:
        clean_address(columns[0], region)
    except BadValue:
        return columns, list(records)
    first = Record(0, columns)
    return [f"Column {place}" for place in range(1, len(columns) + 1)], [first, *records]


def _address_columns(columns: Sequence[str], records: Sequence[Record]) -> list[int]:
    """Where the addresses stand: by the columns' names, else by what is in them, else in the first."""
    guessed: Mapping[str, str] = columns_of.guess(columns, records[:50])
    named = [
        place
        for place, name in enumerate(columns)
        if guessed.get(name) in {"email", "phone"} or name.lower() in ADDRESS_NAMES
    ]
    return named or [0]
