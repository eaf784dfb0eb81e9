"""Estimates to accessible tables; the one escaping helper each for HTML, CSV and spreadsheet cells."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the full-width ones too


# Control characters, and marks that turn the direction of text: they would hide or reorder what follows them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def plain(text: object) -> str:
    """Text without control characters and marks of direction."""
    return _UNSEEN.sub("", str(text))


def escape(text: object) -> str:
    """Text that stands in an HTML page as itself."""
    return html.escape(plain(text), quote=True)


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return "'" + text if text.startswith(_FORMULA) else text


@dataclass(frozen=True)
class Table:
    """A table for readers: its first column heads the rows; all cells are finished text."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    marks: dict[int, str] = field(default_factory=dict)  # row -> status class, for a colour beside word and symbol
    numeric: tuple[int, ...] = ()  # columns aligned at the right

    def html(self) -> str:
        """The table as HTML: caption, scoped headers, scrolling by keyboard where it is wider than the page."""
        caption = escape(self.caption)
        head = "".join(f'<th scope="col"{self._side(i)}>{escape(name)}</th>' for i, name in enumerate(self.header))
        body = "".join(self._row(number, row) for number, row in enumerate(self.rows))
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        return (
            f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        )

    def _row(self, number: int, row: list[str]) -> str:
        mark = f' class="{escape(self.marks[number])}"' if number in self.marks else ""
        cells = "".join(f"<td{self._side(i)}>{escape(cell)}</td>" for i, cell in enumerate(row[1:], start=1))
        return f'<tr{mark}><th scope="row">{escape(row[0])}</th>{cells}</tr>'

    def _side(self, column: int) -> str:
        return ' class="number"' if column in self.numeric else ""


def paragraphs(sentences: list[str]) -> str:
    """Sentences as paragraphs."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def bullets(lines: list[str]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def facts(pairs: list[tuple[str, str]]) -> str:
    """Names and values as a description list."""
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f"<dl>{inside}</dl>"


def remark(text: str, by: str, flag: str = "") -> str:
    """What a person wrote: paragraphs and lists of lines that begin with "- "; nothing in it is taken for markup."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        listed = all(line.startswith("- ") for line in lines)
        parts.append(bullets([line[2:] for line in lines]) if listed else paragraphs([" ".join(lines)]))
    said = [f'<p class="note">{escape(each)}</p>' for each in (by, flag) if each]
    return f'<div class="remark">{"".join([*parts, *said])}</div>'
