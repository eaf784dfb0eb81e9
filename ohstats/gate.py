"""Reads a finished folder before it is published and refuses whatever may not be there; it trusts nothing that made it."""

from __future__ import annotations

import csv
import getpass
import io
import re
import socket
from html.parser import HTMLParser
from pathlib import Path

from .display import csv_cell
from .errors import Fault, NotPublishable

SUFFIXES = {".html", ".json", ".csv", ".woff2", ".txt"}
NAMES = re.compile(r"(?:(?:zh|en)/)?\d{6}_[a-z_]+\.(?:html|json|csv)|index\.html|assets/[A-Za-z0-9.-]+")
_HTML = {
    "html": {"lang"},
    "head": set(),
    "meta": {"charset", "name", "content", "http-equiv"},
    "title": set(),
    "style": set(),
    "body": set(),
    "a": {"href", "class", "lang", "hreflang"},
    "header": {"class"},
    "footer": {"class"},
    "nav": {"aria-label"},
    "main": {"id"},
    "section": {"id", "lang"},
    "div": {"class", "role", "tabindex", "aria-label"},
    "h1": set(),
    "h2": set(),
    "h3": set(),
    "p": {"class"},
    "span": {"class", "lang"},
    "small": set(),
    "br": set(),
    "ul": set(),
    "li": set(),
    "dl": set(),
    "dt": set(),
    "dd": set(),
    "table": set(),
    "caption": set(),
    "thead": set(),
    "tbody": set(),
    "tr": {"class"},
    "th": {"scope", "class"},
    "td": {"class"},
    "figure": {"id"},
    "figcaption": set(),
}
_SVG = {
    "svg": {"xmlns", "xmlns:xlink", "viewbox", "width", "font-family", "style", "stroke-linejoin", "stroke-linecap"},
    "g": {"id", "style", "transform", "clip-path"},
    "path": {"id", "d", "style", "clip-path", "transform", "fill"},
    "defs": set(),
    "clippath": {"id"},
    "use": {"xlink:href", "x", "y", "style", "clip-path", "transform"},
    "tspan": {"x", "y", "style"},
    "rect": {"x", "y", "width", "height", "fill", "style"},
    "text": {"style", "transform", "x", "y"},
    "pattern": {"id", "patternunits", "x", "y", "width", "height"},
}
_CSP = "default-src 'none'; style-src 'unsafe-inline'; font-src 'self'; img-src 'self' data:"
_TRACES = re.compile(r"Traceback \(most recent call last\)|site-packages|\.ipynb\b")


class _Page(HTMLParser):
    """Collects what is not on the allow-list."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.csp = ""
        self.in_svg = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hold tag and attributes against the lists."""
        self.in_svg += tag == "svg"
        allowed = (_SVG if self.in_svg else _HTML).get(tag)
        if allowed is None:
            self.found.append(f"<{tag}>")
            return
        for name, value in attrs:
            if name not in allowed:
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "xlink:href") and not _link(tag, value or ""):
                self.found.append(f"<{tag} {name}> with a foreign address")
            if name == "style" and re.search(r"url\((?!#)|expression|@import", value or ""):
                self.found.append(f"<{tag} style> with an address")
        told = dict(attrs)
        if tag == "meta" and told.get("http-equiv") == "Content-Security-Policy":
            self.csp = told.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        """Leave the figure."""
        self.in_svg -= tag == "svg"

    def handle_comment(self, data: str) -> None:
        """No comment is published."""
        del data
        self.found.append("a comment")


def _link(tag: str, value: str) -> bool:
    """Links inside the folder, to a place on the page, or from text to a web page."""
    if tag == "use":
        return value.startswith("#")
    return bool(
        re.fullmatch(r"#[\w.-]+|(?:\.\./)?(?:(?:zh|en)/)?[\w.-]+\.(?:html|csv|json)(?:#[\w.-]+)?|https?://[^\s\"'<>]+", value)
    )


def check(folder: Path, *, secrets: tuple[str, ...] = ()) -> None:
    """Refuse a folder with anything in it that may not be published.

    Parameters
    ----------
    folder : Path
        A finished site.
    secrets : tuple of str
        Texts that may stand nowhere, such as paths of the workspace.

    Raises
    ------
    NotPublishable
        What was found, file by file; all findings at once.
    """
    faults = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file() or each.is_symlink()):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or path.suffix not in SUFFIXES or not NAMES.fullmatch(name):
            faults.append(Fault("{file}: a file of this name or kind is not published", file=name))
            continue
        faults += [Fault("{file}: {what}", file=name, what=what) for what in _findings(path, secrets)]
    if faults:
        raise NotPublishable("Nothing was published: {n} findings.", n=len(faults), faults=faults)


def _findings(path: Path, secrets: tuple[str, ...]) -> list[str]:
    if path.suffix == ".woff2":
        return []
    text = path.read_text(encoding="utf-8-sig")
    found = [f"the text '{match[0]}'" for match in [_TRACES.search(text)] if match]
    found += ["a path, user or host name of the machine" for secret in (*_local(), *secrets) if secret and secret in text]
    if path.suffix == ".html":
        page = _Page()
        page.feed(text)
        page.close()
        found += sorted(set(page.found))
        if page.csp != _CSP:
            found.append("no Content-Security-Policy, or another one")
    if path.suffix == ".csv":
        rows = csv.reader(io.StringIO(text))
        numbers = re.compile(r"-?\d[\d.eE+-]*")
        if any(csv_cell(cell) != cell and not numbers.fullmatch(cell) for row in rows for cell in row):
            found.append("a cell that a spreadsheet takes for a formula")
    return found


def _local() -> list[str]:
    """Home folder, and user and host name where they are long enough to be told from words."""
    names = [str(Path.home())]
    for ask in (getpass.getuser, socket.gethostname):
        try:
            name = ask()
        except (OSError, KeyError):
            continue
        if len(name) >= 8 and re.search(r"[\d-]", name):
            names.append(name)
    return [name for name in names if len(name) > 3]
