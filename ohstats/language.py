"""Messages in the language of the reader: gettext catalogues with English msgids."""

from __future__ import annotations

import gettext
import locale
import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN = "ohstats"
LOCALE_DIR = Path(__file__).parent / "locale"
LANGUAGES = ("zh", "en")
_CATALOGUES = {"zh": "zh_CN"}  # English is the msgids themselves

_current: ContextVar[str | None] = ContextVar("ohstats_language", default=None)


def current() -> str:
    """Language of messages: set by `use`, else OHSTATS_LANGUAGE, else the system's, else English."""
    chosen = _current.get()
    if chosen:
        return chosen
    wanted = [os.environ.get(name, "") for name in ("OHSTATS_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    wanted.append(locale.getlocale()[0] or "")  # Windows: "Chinese (Simplified)_China"
    first = next((name.lower() for name in wanted if name), "en")
    return "zh" if first.startswith(("zh", "chinese")) else "en"


@contextmanager
def use(language: str) -> Iterator[None]:
    """Give messages in `language` ("zh" or "en") inside the block."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


@lru_cache(maxsize=4)
def catalogue(language: str) -> gettext.NullTranslations:
    """The catalogue of `language`; English needs none."""
    if language not in _CATALOGUES:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE_DIR, languages=[_CATALOGUES[language]])


def _(message: str, **values: object) -> str:
    """`message` in the current language, its {placeholders} filled."""
    text = catalogue(current()).gettext(message)
    return text.format(**values) if values else text


def ngettext(singular: str, plural: str, n: int, **values: object) -> str:
    """The form of the message for `n`, in the current language; {n} is filled too."""
    text = catalogue(current()).ngettext(singular, plural, n)
    return text.format(n=n, **values)
