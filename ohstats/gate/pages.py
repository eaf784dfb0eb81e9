"""Which tags, attributes and addresses a published page may hold; each page is parsed against the lists."""

from __future__ import annotations

import re
from html.parser import HTMLParser

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
CSP = "default-src 'none'; style-src 'unsafe-inline'; font-src 'self'; img-src 'self' data:"
_STYLE = re.compile(r"url\s*\(|expression|@import|\\|/\*|image-set|src\s*\(", re.IGNORECASE)
_STYLED = {"style", "fill", "clip-path", "transform"}
_OWN_FONT = re.compile(r'url\("(?:\.\./)?assets/[A-Za-z0-9-]+\.woff2"\)')


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
        re.fullmatch(
            r"#[\w.-]+|(?:\.\./)?(?:(?:zh|en)/)?[\w.-]+\.(?:html|csv|json|xlsx)(?:#[\w.-]+)?|https?://[^\s\"'<>]+", value
        )
    )


def findings(text: str) -> list[str]:
    """What a page holds that is not on the lists."""
    page = _Page()
    page.feed(text)
    page.close()
    found = sorted(set(page.found))
    return found if page.csp == CSP else [*found, "no Content-Security-Policy, or another one"]
