"""One record of the file as a cleaned row: columns to fields, what nobody mapped to custom fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leads.cleaning import Problem, Row, clean
from leads.importing.map import FULL_NAME, LEFT_OUT, META
from leads.importing.read import Record
from leads.models import Lead


@dataclass(frozen=True)
class Reading:
    """How this import reads its rows: which column is what, and what holds for all of them."""

    columns: Sequence[str]
    mapping: Mapping[str, str]
    region: str
    source: str = ""  # beats the file's own source column

    def row_of(self, record: Record) -> Row:
        """The record's person, cleaned; bad second contact points and what an import may not say are warnings."""
        values, meta = self._values(record.cells)
        warnings = []
        if values.get("status", "").upper() == Lead.Status.CONVERTED:
            del values["status"]
            warnings.append(
                Problem("status", "converted", "An import cannot make a lead converted; the status is left out.")
            )
        if record.has_more:
            warnings.append(Problem("", "more_cells", "The row has more cells than the file has columns."))
        row = clean({**values, "meta": meta}, region=self.region, strict=False)
        return Row(row.values, [*row.problems, *warnings], row.is_valid) if warnings else row

    def _values(self, cells: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
        values: dict[str, str] = {}
        meta: dict[str, str] = {}
        for column, cell in zip(self.columns, cells, strict=False):
            if not cell:
                continue
            field = self.mapping.get(column, META)
            if field == META or (field in values and values[field] != cell):
                meta[column] = cell
            elif field != LEFT_OUT:
                values[field] = cell
        if name := values.pop(FULL_NAME, ""):
            first, _space, last = name.rpartition(" ")
            values = {"first_name": first or last, "last_name": last if first else ""} | values
        if self.source:
            values["source"] = self.source
        return values, meta
