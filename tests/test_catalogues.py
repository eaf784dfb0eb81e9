"""Every message of the code has its Chinese words, with the same placeholders, and the compiled file holds them."""

from __future__ import annotations

import gettext
import io
import tomllib
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ohstats import language

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = sorted(language.LOCALE_DIR.glob("*/LC_MESSAGES/*.po"))


@cache
def messages_of_the_code() -> dict[str | tuple[str, ...], str]:
    """Every message of the code (singular and plural as a pair) and where it stands."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    own = parse_keywords(word for mapping in config for word in mapping["keywords"])
    methods = [(mapping["pattern"], mapping["method"]) for mapping in config]
    found = extract_from_dir(ROOT / "ohstats", methods, keywords={**DEFAULT_KEYWORDS, **own})
    return {message: f"{name}:{line}" for name, line, message, _, _ in found}


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=path.parent.parent.name)


def placeholders(*texts: str) -> set[str]:
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None}


def as_tuple(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def test_every_language_but_english_has_a_catalogue() -> None:
    assert [path.parent.parent.name for path in CATALOGUES] == ["zh_CN"]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_catalogue_and_code_have_the_same_messages(path: Path) -> None:
    code, words = messages_of_the_code(), {message.id for message in catalogue(path) if message.id}
    assert {code[message]: message for message in code if message not in words} == {}, "run `make messages`, translate"
    assert words - set(code) == set(), "no longer in the code: run `make messages`"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_every_message_is_translated_with_its_placeholders(path: Path) -> None:
    for message in catalogue(path):
        if not message.id:
            continue
        english, words = as_tuple(message.id), as_tuple(message.string)
        assert all(words), f"not translated: {english}"
        assert not message.fuzzy, f"marked fuzzy, so it is not used: {english}"
        for text in words:
            assert placeholders(text) == placeholders(*english), f"{english} -> {text}"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_compiled_catalogue_is_the_written_one(path: Path) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(path))
    compiled.seek(0)
    with path.with_suffix(".mo").open("rb") as committed:
        left, right = gettext.GNUTranslations(committed), gettext.GNUTranslations(compiled)
    assert left._catalog == right._catalog, "run `make messages`"  # type: ignore[attr-defined]
