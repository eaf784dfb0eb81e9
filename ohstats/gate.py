"""Reads a finished folder before it is published and refuses whatever may not be there; it trusts nothing that made it."""

from __future__ import annotations

import csv
import getpass
import hashlib
import io
import re
import socket
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from .display import csv_cell
from .errors import Fault, NotPublishable

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES = re.compile(
    r"(?:zh|en)/[1-9]\d{5}_[a-z_]+\.(?:html|json|csv)|(?:index|data)\.html|assets/(?:[A-Za-z0-9-]+\.woff2|OFL\.txt)", re.ASCII
)
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
_STYLE = re.compile(r"url\s*\(|expression|@import|\\|/\*|image-set|src\s*\(", re.IGNORECASE)
_STYLED = {"style", "fill", "clip-path", "transform"}
_OWN_FONT = re.compile(r'url\("(?:\.\./)?assets/[A-Za-z0-9-]+\.woff2"\)')
_TRACES = re.compile(r"Traceback \(most recent call last\)|site-packages|\.ipynb\b")


class _Page(HTMLParser):
    """Collects what is not on the allow-list."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.csp = ""
        self.in_svg = 0
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hold tag and attributes against the lists."""
        self.in_svg += tag == "svg"
        self.in_style = tag == "style"
        allowed = (_SVG if self.in_svg else _HTML).get(tag)
        if allowed is None:
            self.found.append(f"<{tag}>")
            return
        for name, value in attrs:
            if name not in allowed:
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "xlink:href") and not _link(tag, value or ""):
                self.found.append(f"<{tag} {name}> with a foreign address")
            if _STYLE.search(re.sub(r"url\(#[\w.-]+\)", "", value or "")) and name in _STYLED:
                self.found.append(f"<{tag} {name}> with an address")
        told = dict(reversed(attrs))  # of an attribute given twice, browsers take the first
        if tag == "meta" and "http-equiv" in told:
            if told["http-equiv"] != "Content-Security-Policy" or self.csp:
                self.found.append("<meta http-equiv> that is not the one Content-Security-Policy")
            self.csp = told.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        """Leave the figure or the style sheet."""
        self.in_svg -= tag == "svg"
        self.in_style = False

    def handle_data(self, data: str) -> None:
        """A style sheet names no address but the font of the site."""
        if self.in_style and _STYLE.search(_OWN_FONT.sub("", data)):
            self.found.append("<style> with an address")

    def handle_comment(self, data: str) -> None:
        """No comment is published."""
        del data
        self.found.append("a comment")

    def handle_decl(self, decl: str) -> None:
        """The document type is the plain one."""
        if decl.lower() != "doctype html":
            self.found.append("a declaration")

    def handle_pi(self, data: str) -> None:
        """No instruction to another program."""
        del data
        self.found.append("a processing instruction")

    def unknown_decl(self, data: str) -> None:
        """Nothing that browsers and this reader could read differently."""
        del data
        self.found.append("a declaration")


def _link(tag: str, value: str) -> bool:
    """Links inside the folder, to a place on the page, or from text to a web page."""
    if tag == "use":
        return value.startswith("#")
    return bool(
        re.fullmatch(r"#[\w.-]+|(?:\.\./)?(?:(?:zh|en)/)?[\w.-]+\.(?:html|csv|json)(?:#[\w.-]+)?|https?://[^\s\"'<>]+", value)
    )


def check(folder: Path, *, secrets: tuple[str, ...] = (), passed: Collection[str] = ()) -> set[str]:
    """Refuse a folder with anything in it that may not be published.

    Parameters
    ----------
    folder : Path
        A finished site.
    secrets : tuple of str
        Texts that may stand nowhere, such as paths of the workspace.
    passed : collection of str
        What an earlier call returned: every file is read, those of the same content are not taken apart again.

    Returns
    -------
    set of str
        Kind and digest of each file.

    Raises
    ------
    NotPublishable
        What was found, file by file; all findings at once.
    """
    faults, seen, secrets = [], set(), (*local(), *secrets)
    for path in sorted(each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir()):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not NAMES.fullmatch(name):
            faults.append(Fault("{file}: a file of this name or kind is not published", file=name))
            continue
        content = path.read_bytes()
        seen.add(known := f"{path.suffix} {hashlib.sha256(content).hexdigest()}")
        if known not in passed:
            faults += [Fault("{file}: {what}", file=name, what=what) for what in _findings(path, content, secrets)]
    if faults:
        raise NotPublishable("Nothing was published: {n} findings.", n=len(faults), faults=faults)
    return seen


def _findings(path: Path, content: bytes, secrets: tuple[str, ...]) -> list[str]:
    if path.suffix == ".woff2":
        return [] if content.startswith(b"wOF2") else ["no font"]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ["no text in UTF-8"]
    found = [f"the text '{match[0]}'" for match in [_TRACES.search(text)] if match]
    found += ["a path, user or host name of the machine" for secret in secrets if secret and secret in text]
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


def local() -> list[str]:
    """What names this machine: home folder, and user and host name where they are long enough to be told from words."""
    names = [str(Path.home())]
    for ask in (getpass.getuser, socket.gethostname):
        try:
            name = ask()
        except (OSError, KeyError):
            continue
        if len(name) >= 8 and re.search(r"[\d-]", name):
            names.append(name)
    return [name for name in names if len(name) > 3]
