"""How a file of an export looks: encoding, delimiter, lines above the headings, decorated or other headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .export import declared, headings, lines
from .plan import read

if TYPE_CHECKING:
    from .plan import City

_MARKS = {"utf-16-le": b"\xff\xfe"}


def form(file: str, *, plain: bool) -> dict[str, Any]:
    """How a file looks; nothing for a plain one."""
    told: dict[str, Any] = {} if plain else read("synthetic_dirt")["files"].get(file, {})
    return told


def patterns(file: str, *, plain: bool) -> list[str]:
    """Patterns of files that a file shows."""
    told, looks = read("synthetic_dirt"), form(file, plain=plain)
    shown = [told["encodings"][looks["encoding"]]] if looks else []
    return shown + [pattern for name, pattern in told["kinds"].items() if looks.get(name)]


def head(file: str, columns: list[str], *, plain: bool) -> list[str]:
    """Headings of a file, without the further ones."""
    looks, known = form(file, plain=plain), declared(file).columns
    made = headings(file, columns)
    if looks.get("other"):
        made = [
            known[name].headers[1] if len(known[name].headers) > 1 else title for name, title in zip(columns, made, strict=True)
        ]
    mark = read("synthetic_dirt")["words"]["mark"] if looks.get("marked") else ""
    return [mark + title if known[name].counting else title for name, title in zip(columns, made, strict=True)]


def above(city: City, file: str, *, plain: bool) -> list[str]:
    """Lines above the headings."""
    if not form(file, plain=plain).get("title"):
        return []
    words = read("synthetic_dirt")["words"]
    texts = {"city": city.plan["city"]["name_zh"], "table": declared(file).title_zh, "day": city.last_day}
    return [words["title"].format(**texts), words["below"].format(**texts)]


def write(city: City, file: str, columns: list[str], rows: list[list[str]], *, plain: bool) -> bytes:
    """Bytes of a file; plain ones are UTF-8 with commas, the headings in the first row."""
    looks, titles = form(file, plain=plain), head(file, columns, plain=plain)
    if looks.get("extra"):
        first, last = read("synthetic_dirt")["words"]["extra"]
        titles = [first, *titles, last]
        rows = [[str(number) if any(row) else "", *row, ""] for number, row in enumerate(rows, start=1)]
    if looks.get("turned"):
        titles, rows = titles[::-1], [row[::-1] for row in rows]
    padded = [[text, *[""] * (len(titles) - 1)] for text in above(city, file, plain=plain)]
    text = lines([*padded, titles, *rows], looks.get("delimiter", ","))
    encoding = looks.get("encoding", "utf-8")
    return _MARKS.get(encoding, b"") + text.encode(encoding)
