"""One table from its sources to clean rows, quarantine and audit, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import polars as pl

from . import audit, columns, derive, repeats, rows
from .words import WORDS, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .context import Context
    from .reading import Batch, Source

_FLAGGED = {"no_person_key", "date_partial", "range", "date_order"}  # rules of cells that are flags of the row too


class Sink(Protocol):
    """Where finished parts go."""

    def clean(self, frame: pl.DataFrame) -> None:
        """Take clean rows."""

    def quarantine(self, frame: pl.DataFrame) -> None:
        """Take rows that do not count."""

    def audit(self, frame: pl.DataFrame) -> None:
        """Take lines of the audit."""


@dataclass
class Part:
    """A batch after the rules of rows."""

    source: int
    raw: pl.DataFrame
    judged: rows.Rows


@dataclass
class Account:
    """Accounting of one file: records = clean + quarantined."""

    records: int = 0
    clean: int = 0
    quarantined: int = 0
    blank: int = 0
    no_person_key: int = 0

    def told(self) -> dict[str, int]:
        """As it is printed and stored."""
        names = {"in": self.records, "clean": self.clean, "quarantined": self.quarantined}
        return (
            names
            | ({"blank": self.blank} if self.blank else {})
            | ({"no_person_key": self.no_person_key} if self.no_person_key else {})
        )


@dataclass
class Engine:
    """Cleans the sources of one table, in their order, into a sink."""

    context: Context
    sink: Sink
    correct: Callable[[str, pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]] | None = None
    accounts: dict[str, Account] = field(default_factory=dict)
    _seen: repeats.Seen = field(default_factory=repeats.Seen)
    _cards: repeats.Seen = field(default_factory=repeats.Seen)

    def run(self, sources: Iterable[Source]) -> None:
        """Clean all sources; tables whose rows bear on each other are held back until all have been read."""
        table = self.context.table
        together = bool(table.card) or table.kind == "counts"
        held: list[Part] = []
        ledgers: list[audit.Ledger] = []
        for number, source in enumerate(sources):
            context = replace(self.context, given=frozenset(source.headings), since_1904=source.since_1904)
            ledger = audit.Ledger(context, source.file, [*source.notes])
            ledgers.append(ledger)
            account = self.accounts.setdefault(source.file, Account())
            for batch in self._batches(source, ledger):
                self._read(batch, ledger, account)
                part = Part(number, batch.frame, self._judged(batch.frame, context, source.headings))
                if together:
                    held.append(part)
                else:
                    repeats.records(part.judged, self._seen, self._cards)
                    derive.again(part.judged)
                    self._finish(part, ledger, account)
            ledger.notes += source.finish(account.records)
        if held:
            self._together(held)
            for part in held:
                ledger = ledgers[part.source]
                self._finish(part, ledger, self.accounts[ledger.file])
        for ledger in ledgers:
            blank = self.accounts[ledger.file].blank
            ledger.notes += [audit.Note("blank_row", count=blank)] if blank else []
            self.sink.audit(ledger.frame())

    def _batches(self, source: Source, ledger: audit.Ledger) -> Iterable[Batch]:
        """The batches of a source, corrected where the data set says so."""
        if self.correct is None:
            return source.batches()
        batches = list(source.batches())
        if not batches:
            return batches
        whole = batches[0]
        whole.frame = pl.concat([batch.frame for batch in batches])
        for batch in batches[1:]:
            whole.odd += batch.odd
            whole.blank += batch.blank
            whole.broken += batch.broken
            whole.filled += batch.filled
        whole.frame, changes = self.correct(source.file, whole.frame)
        for column, rule in changes.select("column", "rule").unique(maintain_order=True).iter_rows():
            cells = changes.filter((pl.col("column") == column) & (pl.col("rule") == rule)).select("row", "old", "new")
            ledger.change(column, rule, cells.rows())
        return [whole]

    def _read(self, batch: Batch, ledger: audit.Ledger, account: Account) -> None:
        """Account for what the reader set aside or changed."""
        account.records += batch.frame.height + len(batch.odd)
        account.blank += batch.blank
        account.quarantined += len(batch.odd)
        if batch.odd:
            texts = pl.Series([text for _row, text in batch.odd], dtype=pl.String)
            first = pl.DataFrame({"text": texts}).select(
                tidy(pl.col("text").str.replace_all(r"[,;\t|\s]+", " ")).str.replace_all(r"\s.*", "")
            )
            totals = first.to_series().str.to_lowercase().str.contains(WORDS["totals"])
            reasons = ["not_a_record" if total else "fields" for total in totals]
            self.sink.quarantine(audit.uncertain(batch.odd, reasons, self.context.table.name, ledger.file))
        if batch.broken:
            ledger.notes.append(
                audit.Note("line_break_in_cell", count=len(batch.broken), new=",".join(map(str, batch.broken[:5])))
            )
        for column in dict.fromkeys(column for _row, column, _value in batch.filled):
            ledger.change(column, "merged_cell", [(row, "", value) for row, name, value in batch.filled if name == column])

    def _judged(self, raw: pl.DataFrame, context: Context, headings: dict[str, str]) -> rows.Rows:
        judged = rows.judge(columns.read(raw, context), raw, context, headings)
        given = raw["=person_key"] if "=person_key" in raw.columns and "id_number" not in raw.columns else None
        derive.keys(judged, given)
        return judged

    def _together(self, held: list[Part]) -> None:
        """Rules over the rows of all files at once."""
        whole = rows.Rows(self.context, pl.concat([part.judged.frame for part in held], how="diagonal_relaxed"))
        whole.reason = pl.concat([part.judged.reason for part in held])
        if self.context.table.kind == "counts":
            repeats.aggregates(whole)
        else:
            repeats.records(whole, self._seen, self._cards)
            derive.again(whole)
        start = 0
        for part in held:
            height = part.judged.frame.height
            part.judged.frame = whole.frame.slice(start, height)
            part.judged.reason = whole.reason.slice(start, height)
            for rule, column, where in whole.flags:
                part.judged.flag(rule, column, where.slice(start, height))
            start += height

    def _finish(self, part: Part, ledger: audit.Ledger, account: Account) -> None:
        judged, good = part.judged, part.judged.reason == ""
        ledger.add(judged, part.raw)
        out = audit.quarantined(judged, part.raw, ledger.file)
        flags = _flags(judged)
        clean = _clean(judged, part.raw["row"], ledger.file, flags, self.context.keep).filter(good)
        account.clean += clean.height
        account.quarantined += out.height
        account.no_person_key += int((flags.str.contains("no_person_key", literal=True) & good).sum())
        if out.height:
            self.sink.quarantine(out)
        self.sink.clean(clean)


def _flags(judged: rows.Rows) -> pl.Series:
    """All flags of a row, joined by ";"."""
    frame, table = judged.frame, judged.context.table
    told: list[pl.Expr] = [
        pl.when(pl.lit(where)).then(pl.lit(rule)) for rule, _column, where in judged.flags if rule not in ("uscc_check",)
    ]
    for column in table.columns:
        mark = f"{column}~"
        if mark in frame.columns and (column != "date_partial"):
            found = set(frame[mark].unique()) & _FLAGGED
            found -= {"date_partial"} if column != table.date else set()
            told += [pl.when(pl.col(mark) == rule).then(pl.lit(rule)) for rule in sorted(found)]
    if (
        "id_number" in table.columns
        and "id_number" not in judged.context.given
        and frame["person_key"].null_count() == frame.height
    ):
        told.append(pl.lit("no_person_key"))
    if not told:
        return pl.Series("flags", [""]).new_from_index(0, frame.height)
    made = frame.select(pl.concat_str(told, separator=";", ignore_nulls=True).alias("flags"))["flags"]
    return made if len(made) == frame.height else made.new_from_index(0, frame.height)


def _clean(judged: rows.Rows, numbers: pl.Series, file: str, flags: pl.Series, keep: bool) -> pl.DataFrame:
    """The columns of a clean table."""
    table, frame = judged.context.table, judged.frame
    derived = derive.columns(judged)
    frame = frame.with_columns(**derived) if derived else frame
    names: list[str] = []
    for column in table.columns.values():
        if keep or not column.personal:
            names.append(column.name)
        names += [
            f"{column.name}_{part}" for part in {"count": ("hidden", "high"), "reading": ("lod", "censored")}.get(column.type, ())
        ]
        names += [column.year] if column.year else []
    names += [name for name in ("person_key", "employer_key", "institution_key") if name in frame.columns]
    names += derived
    frame = frame.select(list(dict.fromkeys(names)))
    if table.kind == "records":
        frame = frame.with_columns(flags.alias("flags"))
    else:  # aggregates: a blank group is a group of its own
        frame = frame.with_columns(pl.col(pl.String).fill_null(""))
    frame = frame.insert_column(0, pl.Series("file", [file]).new_from_index(0, frame.height)).insert_column(1, numbers)
    return frame if keep else derive.without_sole_traders(frame)
