"""The audit: every changed cell and every flag, without a value that may not stand there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from .words import NOTATION

if TYPE_CHECKING:
    from .context import Context
    from .rows import Rows

COLUMNS = {
    "table": pl.String, "file": pl.String, "row": pl.Int64, "rows": pl.String, "count": pl.Int64, "column": pl.String,
    "rule": pl.String, "old": pl.String, "new": pl.String, "kind": pl.String,
}  # fmt: skip
QUARANTINE = {"table": pl.String, "file": pl.String, "row": pl.Int64, "reason": pl.String, "original": pl.String}
_NOTED = 5  # records named in a line that counts
_COUNTED = frozenset({"uscc_check"})  # flags told as a count


@dataclass(frozen=True)
class Note:
    """A line about a file as a whole; `count` is of rows."""

    rule: str
    column: str = ""
    old: str = ""
    new: str = ""
    count: int = 1
    kind: str = "file"


@dataclass
class Ledger:
    """Audit of one file, gathered batch by batch."""

    context: Context
    file: str
    notes: list[Note] = field(default_factory=list)
    lines: list[pl.DataFrame] = field(default_factory=list)
    counted: list[pl.DataFrame] = field(default_factory=list)

    def add(self, rows: Rows, raw: pl.DataFrame) -> None:
        """Changes and flags of the rows that count."""
        good = rows.reason == ""
        numbers = raw["row"]
        for column in rows.context.table.columns:
            mark = f"{column}~"
            if mark not in rows.frame.columns:
                continue
            old = raw[column] if column in raw.columns else pl.Series([""]).new_from_index(0, raw.height)
            changed = pl.DataFrame([numbers, rows.frame[mark].alias("rule"), old.alias("old"), rows.frame[column].alias("new")])
            changed = changed.filter(good & changed["rule"].is_not_null())
            self._change(column, changed)
        for rule, column, where in rows.flags:
            flagged = (
                numbers.filter(where & good)
                .to_frame("row")
                .with_columns(pl.lit(rule).alias("rule"), pl.lit("").alias("old"), pl.lit("").alias("new"))
            )
            self._keep(column, flagged, "flag", flagged.height if rule in _COUNTED else 0)

    def change(self, column: str, rule: str, cells: list[tuple[int, str, str]]) -> None:
        """Changes made before the rules: row, old and new text."""
        made = pl.DataFrame(cells, schema={"row": pl.Int64, "old": pl.String, "new": pl.String}, orient="row")
        self._change(column, made.with_columns(pl.lit(rule).alias("rule")))

    def _change(self, column: str, changed: pl.DataFrame) -> None:
        if changed.height:
            notation = changed["rule"].is_in(list(NOTATION))
            self._keep(column, changed.filter(~notation), "change", 0)
            self._keep(column, changed.filter(notation), "change", 1)

    def _keep(self, column: str, lines: pl.DataFrame, kind: str, counted: int) -> None:
        if not lines.height:
            return
        if counted:
            lines = lines.group_by("rule", maintain_order=True).agg(
                pl.len().cast(pl.Int64).alias("count"), pl.col("row").head(_NOTED).cast(pl.String).str.join(",").alias("rows"),
                pl.col("old").first(), pl.col("new").first(),
            )  # fmt: skip
        lines = lines.with_columns(_text(lines["new"]), pl.lit(column).alias("column"), pl.lit(kind).alias("kind"))
        if self.context.withheld(column):
            lines = lines.with_columns(pl.lit("").alias("old"), pl.lit("").alias("new"))
        names = (
            ("row", "column", "rule", "old", "new", "kind")
            if not counted
            else ("rows", "count", "column", "rule", "old", "new", "kind")
        )
        (self.counted if counted else self.lines).append(lines.select(names))

    def frame(self) -> pl.DataFrame:
        """All lines: about the file, counts by column and rule, single cells."""
        notes = pl.DataFrame(
            [(each.count, each.column, each.rule, each.old, each.new, each.kind) for each in self.notes],
            schema={name: COLUMNS[name] for name in ("count", "column", "rule", "old", "new", "kind")}, orient="row",
        )  # fmt: skip
        parts, order = (
            [notes],
            pl.Enum(list(self.context.table.columns)),
        )  # the same lines in the same order, whatever the batches
        if self.counted:
            parts.append(_summed(pl.concat(self.counted)).sort(pl.col("column").cast(order), "rule"))
        if self.lines:
            lines = pl.concat(self.lines).sort(pl.col("column").cast(order), "row", "rule", maintain_order=True)
            parts.append(lines.with_columns(pl.lit(1, pl.Int64).alias("count")))
        made = pl.concat(parts, how="diagonal")
        missing = [
            pl.lit(None if name == "row" else "", kind).alias(name) for name, kind in COLUMNS.items() if name not in made.columns
        ]
        made = made.with_columns(missing).with_columns(
            pl.lit(self.context.table.name).alias("table"), pl.lit(self.file).alias("file"), pl.col("rows").fill_null("")
        )
        return made.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())


def _summed(lines: pl.DataFrame) -> pl.DataFrame:
    """One line per column, rule and kind: how many cells, the first rows, the first example."""
    made = lines.group_by("column", "rule", "kind", maintain_order=True).agg(
        pl.col("count").sum(), pl.col("rows").head(_NOTED).str.join(","), pl.col("old").first(), pl.col("new").first()
    )
    return made.with_columns(pl.col("rows").str.split(",").list.head(_NOTED).list.join(","))


def _text(values: pl.Series) -> pl.Series:
    """Values as they would be written."""
    text = values.cast(pl.String).fill_null("")
    if values.dtype == pl.Float64:
        text = text.str.replace(r"\.0$", "")
    return text.alias("new")


def quarantined(rows: Rows, raw: pl.DataFrame, file: str) -> pl.DataFrame:
    """Rows that do not count, with their reason and the whole original text as JSON."""
    bad = rows.reason != ""
    cells = raw.filter(bad)
    names = [name for name in raw.columns if name != "row"]
    return cells.select(
        pl.lit(rows.context.table.name).alias("table"),
        pl.lit(file).alias("file"),
        "row",
        rows.reason.filter(bad).alias("reason"),
        pl.struct(names).struct.json_encode().alias("original"),
    )


def uncertain(odd: list[tuple[int, str]], reasons: list[str], table: str, file: str) -> pl.DataFrame:
    """Rows with too many or too few fields: the line as it stands, as JSON."""
    return pl.DataFrame(
        [
            (table, file, row, reason, json.dumps({"line": text}, ensure_ascii=False))
            for (row, text), reason in zip(odd, reasons, strict=True)
        ],
        schema=QUARANTINE,
        orient="row",
    )
