"""Dirt in the rows of an export, at a chosen rate: one pattern a row at most, each planting told with what cleaning must do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .export import declared
from .forms import head
from .plan import read
from .rows import lookup, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from ..schema import Table as Declared
    from .plan import City
    from .rows import Table

Row = list[str]
_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
_PERSONAL = ("disease_cards", "suspected_cards")


@dataclass
class Dirty:
    """Rows of a file with what was planted: pattern, place in `rows`, column, outcome, reason.

    `lost` are the numbers of true rows that cleaning must quarantine, `twice` those that stand twice afterwards; `audit` is how
    often cleaning must tell of a rule, by column.
    """

    rows: list[Row]
    planted: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    audit: dict[str, dict[str, int]] = field(default_factory=dict)


def plant(city: City, file: str, shown: Table, rate: float) -> Dirty:
    """The rows of a table of texts, about a share `rate` of them with a pattern."""
    rows = [list(cells) for cells in zip(*shown.columns.values(), strict=True)]
    number = sorted(read("synthetic_dirt")["files"]).index(file) if file in read("synthetic_dirt")["files"] else -1
    if number < 0 or not rate:
        return Dirty(rows)
    draw = city.draw(90, number)
    chosen = np.flatnonzero(draw.random(len(rows)) < rate)
    work = _Work(city, file, list(shown.columns), rows, draw)
    patterns = {name: told for name, told in read("synthetic_dirt")["patterns"].items() if work.possible(told)}
    names, weights = lookup(patterns), [told["weight"] for told in patterns.values()]
    after: dict[int, list[Row]] = {}
    told_of: dict[str, dict[str, int]] = {}
    events: list[tuple[str, int, int, str, str, str]] = []  # the place of a row: its number, and the how-manieth behind it
    for at in chosen.tolist():
        for name in names[pick(draw, weights, 12)].tolist():
            done = work.change(at, patterns[name])
            if done is None:
                continue
            column, outcome, added, where, rule = done
            behind = after.setdefault(at, []) if added is not None else []
            if added is not None:
                behind.append(added)
            reason = patterns[name].get("reason", "") if outcome == "Q" else ""
            events.append((name, at, len(behind) if where == "added" else 0, column, outcome, reason))
            if rule and outcome in ("A", "F"):
                on = told_of.setdefault(column or patterns[name]["column"], {})
                on[rule] = on.get(rule, 0) + (1 if column else 2)
            break
    made = _put_in(rows, after, events)
    made.audit = {column: dict(sorted(rules.items())) for column, rules in sorted(told_of.items())}
    made.lost = [at for _name, at, _behind, column, outcome, _reason in events if outcome == "Q" and column]
    made.twice = [at for _name, at, behind, _column, outcome, _reason in events if outcome == "F" and behind]
    return made


def _put_in(rows: list[Row], after: dict[int, list[Row]], events: list[tuple[str, int, int, str, str, str]]) -> Dirty:
    whole: list[Row] = []
    starts = []
    for at, row in enumerate(rows):
        starts.append(len(whole))
        whole += [row, *after.get(at, [])]
    planted = [(name, starts[at] + behind, column, outcome, reason) for name, at, behind, column, outcome, reason in events]
    return Dirty(whole, planted)


class _Work:
    """Changes of the rows of one file."""

    def __init__(self, city: City, file: str, columns: list[str], rows: list[Row], draw: Generator) -> None:
        self.table: Declared = declared(file)
        self.file, self.columns, self.rows, self.draw = file, columns, rows, draw
        self.words: dict[str, Any] = read("synthetic_dirt")["words"]
        self.places = {each.code: each.name_zh for each in city.districts}
        self.last = str(city.last_day)
        self.serial = 0
        self.heading = head(file, columns, plain=False)
        self.inserts: dict[str, Callable[[Row], Row | None]] = {
            "copy": lambda row: list(row), "blank": lambda row: [""] * len(row), "heading": lambda _row: list(self.heading),
            "person_copy": self._person_copy, "correction": self._correction, "twin": self._twin, "test": self._test,
            "total": self._total,
        }  # fmt: skip

    def possible(self, told: dict[str, Any]) -> bool:
        """Whether the table has what a pattern needs."""
        on = told["in"]
        if on in ("person_copy", "correction", "twin"):
            return self.file in _PERSONAL
        if on == "copy":
            return bool(self.table.card or self.table.same) and not self.file.endswith("_summary")
        if on == "test":
            return "name" in self.columns or "employer_name" in self.columns
        return on in self.inserts or bool(self._columns(on))

    def change(self, at: int, told: dict[str, Any]) -> tuple[str, str, Row | None, str, str] | None:
        """Do it to a row: column, outcome, a row to put behind it, which of the two it is told of, rule of the audit.

        None where it does not fit.
        """
        row, on = self.rows[at], told["in"]
        if on in self.inserts:
            added = self.inserts[on](row)
            where = "row" if on == "correction" else "added"
            return None if added is None else ("", told["outcome"], added, where, told.get("rule", ""))
        names = [name for name in self._columns(on) if row[self.columns.index(name)]]
        if not names:
            return None
        name = names[int(pick(self.draw, [3.0 if name == self.table.date else 1.0 for name in names], 1)[0])]
        number, column = self.columns.index(name), self.table.columns[name]
        parts = self._parts(row, name, column.type)
        if told.get("needs") and not parts.get(f"?{told['needs']}"):
            return None
        if column.future and told.get("reason") == "date_future":
            return None
        cells = told["cells"]
        chosen = int(pick(self.draw, [1] * len(cells), 1)[0])
        try:
            made = cells[chosen].format(**parts)
        except KeyError:
            return None
        if made == row[number]:
            return None
        row[number] = made
        outcome = told["outcome"] if told["outcome"] != "Q" or column.counting else "F"
        return name, outcome, None, "row", self._rule(row, name, told, chosen)

    def _rule(self, row: Row, name: str, told: dict[str, Any], chosen: int) -> str:
        """Rule under which the audit tells of it; months that are added to years are told instead of the years' notation."""
        rule: str | list[str] = told.get("rule", told.get("reason", ""))
        months = row[self.columns.index("exposure_months")] if "exposure_months" in self.columns else ""
        if name == "exposure_years" and told["outcome"] == "A" and told.get("readable") and months not in ("", "0"):
            return ""
        return rule[chosen] if isinstance(rule, list) else rule

    def _columns(self, on: str) -> list[str]:
        if on == "place":
            return [self.table.place] if self.table.place in self.columns else []
        known = self.table.columns
        if on == "disease":
            return [name for name in self.columns if known[name].type == on and known[name].counting]
        return [name for name in self.columns if on in (name, known[name].type)]

    def _parts(self, row: Row, name: str, kind: str) -> dict[str, Any]:
        """What a cell may be made of."""
        text = row[self.columns.index(name)]
        stage = row[self.columns.index("stage")] if "stage" in self.columns else ""
        parts: dict[str, Any] = {"text": text, "wide": text.translate(_WIDE), "low": text.lower()}
        parts |= {"first": text[0], "rest": text[1:], "head": text[:-1], "place": self.places.get(text)}
        if kind == "date":
            parts |= self._date(row, text)
        elif kind == "id":
            wrong = "0123456789X"[(("0123456789X".index(text[-1])) + 1) % 11]
            parts |= {"first15": text[:15], "first6": text[:6], "last4": text[-4:].replace("X", "0"), "wrong": wrong}
            parts |= {"fifteen": text[:6] + text[8:17], "float": f"{float(text[:17]) * 10:.5E}"}
            parts |= {"?letter": text[-1] == "X", "?last_century": text[6:8] == "19"}
        elif name in ("sex", "stage"):
            parts |= self.words["sex"].get(text) or self.words["stages"].get(text) or {}
        elif kind == "disease":
            synonyms = self.words["synonyms"].get(text, [])
            synonyms = [each for each in synonyms if stage or "{stage}" not in each]
            if synonyms:
                parts["synonym"] = synonyms[int(pick(self.draw, [1] * len(synonyms), 1)[0])].format(stage=stage)
        return parts

    def _date(self, row: Row, text: str) -> dict[str, Any]:
        day = np.datetime64(text, "D")
        y, m, d = text.split("-")
        after = row[self.columns.index(self.table.date)] if self.table.date in self.columns else ""
        before = str(np.datetime64(after, "D") - 9) if after[:4].isdigit() and len(after) == 10 else ""
        return {
            "y": y, "m": int(m), "d": int(d), "mm": m, "dd": d, "yy": y[2:], "later": int(y) + 1, "before": before,
            "serial": int((day - np.datetime64("1899-12-30")).astype(int)), "?before": before,
            "?ambiguous": int(d) <= 12 and d != m,
        }  # fmt: skip

    def _set(self, row: Row, **cells: str) -> Row:
        made = list(row)
        for name, text in cells.items():
            if name in self.columns:
                made[self.columns.index(name)] = text
        return made

    def _new_card(self) -> str:
        self.serial += 1
        return f"Z{self.serial:07d}"

    def _person_copy(self, row: Row) -> Row | None:
        return self._set(row, card_id=self._new_card())

    def _twin(self, row: Row) -> Row | None:
        row[self.columns.index("id_number")] = ""
        return self._set(row, card_id=self._new_card())

    def _correction(self, row: Row) -> Row | None:
        reported = np.datetime64(row[self.columns.index("report_date")], "D") + 3
        if str(reported) > self.last:
            return None
        return self._set(row, report_date=str(reported), final_review_date=str(reported), job_type="")

    def _test(self, row: Row) -> Row | None:
        cells = {"name" if "name" in self.columns else "employer_name": self.words["test"]}
        return self._set(row, **cells, **{self.table.card: self._new_card()} if self.table.card else {})

    def _total(self, row: Row) -> Row | None:
        made = [""] * len(row)
        made[0], made[-1] = self.words["total"], str(len(self.rows))
        return made
