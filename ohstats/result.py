"""Result: one section of a report; `show` puts it into a notebook as HTML or SVG together with its JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import display

if TYPE_CHECKING:
    from .display import Table
    from .figures import Figure

MIME = "application/vnd.ohstats.result+json"
SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """One section: heading, sentences, a table or a figure, and the Estimates behind them."""

    id: str
    language: str
    title: str = ""
    level: int = 2
    lead: bool = False
    sentences: list[str] = field(default_factory=list)
    table: Table | None = None
    figure: Figure | None = None
    bullets: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    note: dict[str, Any] = field(default_factory=dict)  # what a person wrote beside it: text, author, date, flag, by
    basis: str = ""  # what it was made from, where its own numbers do not say
    internal: bool = False  # shows records: no public page takes it
    sheets: list[dict[str, Any]] = field(default_factory=list)  # lists for workbooks: id, title, header, rows

    def json(self) -> dict[str, Any]:
        """The Result as plain values: what results.json and the downloads are written from."""
        records = json.loads(self.estimates.to_json(orient="records", double_precision=15)) if len(self.estimates) else []
        return (
            {
                "schema": SCHEMA,
                "id": self.id,
                "language": self.language,
                "title": self.title,
                "sentences": self.sentences,
                "bullets": self.bullets,
                "facts": [list(pair) for pair in self.facts],
                "table": {
                    "caption": self.table.caption,
                    "header": self.table.header,
                    "rows": self.table.rows,
                    "note": self.table.note,
                }
                if self.table
                else None,
                "figure": {"title": self.figure.title, "alt": self.figure.alt} if self.figure else None,
                "estimates": records,
                "made_from": self.made_from(),
            }
            | ({"note": self.note} if self.note else {})
            | ({"internal": True} if self.internal else {})
            | ({"sheets": self.sheets} if self.sheets else {})
        )

    def made_from(self) -> str:
        """Digest of its numbers to six digits, whatever words they stand in; of its words where it has no numbers of its own."""
        cells = self.estimates.itertuples(index=False, name=None)
        rows = [[f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row] for row in cells]
        told: Any = self.basis or rows or [self.sentences, self.bullets, self.facts, self.table.rows if self.table else []]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: the section does not apply to the place."""
        return not (self.title or self.sentences or self.table or self.figure or self.bullets or self.facts)

    def html(self) -> str:
        """The section without its figure, as HTML; nothing for an empty one."""
        if self.empty:
            return ""
        heading = f"<h{self.level}>{display.escape(self.title)}</h{self.level}>" if self.title else ""
        said = display.paragraphs(self.sentences)
        parts = [
            heading,
            f'<div class="lead">{said}</div>' if self.lead and said else said,
            self.table.html() if self.table else "",
            display.bullets(self.bullets),
            display.facts(self.facts) if self.facts else "",
            display.remark(self.note["text"], self.note["by"], self.note["flag"]) if self.note else "",
        ]
        return f'<section id="{display.escape(self.id)}" lang="{_tag(self.language)}">{"".join(parts)}</section>'

    def bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """MIME bundle and its metadata: a figure as SVG with alt text, everything else as HTML; always the JSON."""
        if self.figure is not None:
            return {"image/svg+xml": self.figure.svg, MIME: self.json()}, {"image/svg+xml": {"alt": self.figure.alt}}
        return {"text/html": self.html(), MIME: self.json()}, {}


def _tag(language: str) -> str:
    return "zh-CN" if language == "zh" else "en"


def show(result: Result) -> None:
    """Put a Result into the notebook: its HTML or SVG, and its JSON for the site."""
    from IPython.display import display as publish

    if result.empty:
        return
    bundle, metadata = result.bundle()
    publish(bundle, metadata=metadata, raw=True)
