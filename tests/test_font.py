"""The bundled Chinese font draws what reports say, in charts and in pages, on a machine that has none."""

from __future__ import annotations

import gettext
from typing import TYPE_CHECKING

import pytest
from fontTools.ttLib import TTFont

from ohstats import language

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

ASSETS = language.LOCALE_DIR.parent / "template" / "assets"
CHART_FONT = ASSETS / "NotoSansSC-subset.ttf"
PAGE_FONT = ASSETS / "NotoSansSC-subset.woff2"


@pytest.fixture(scope="module")
def letters() -> set[int]:
    with TTFont(CHART_FONT, lazy=True) as font:
        return set(font.getBestCmap())


def test_every_gb2312_letter_can_be_drawn(letters: set[int]) -> None:
    rows = [bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    hanzi = "".join(pair.decode("gb2312", "ignore") for pair in rows)
    assert len(hanzi) == 6763  # as the standard counts them
    assert {char for char in hanzi if ord(char) not in letters} == set()


def test_ascii_latin_1_and_our_signs_can_be_drawn(letters: set[int]) -> None:
    wanted = {*map(chr, range(0x20, 0x7F)), *map(chr, range(0xA0, 0x100)), *"−–—·…“”‘’✓▲▼●○≥≤±×→、。，：；（）《》％"}
    assert {char for char in wanted if ord(char) not in letters} == set()


def test_every_word_of_the_chinese_catalogue_can_be_drawn(letters: set[int]) -> None:
    catalogue = language.catalogue("zh")
    assert isinstance(catalogue, gettext.GNUTranslations)
    words = {text for msgid, text in catalogue._catalog.items() if msgid}  # type: ignore[attr-defined]
    assert {char for text in words for char in text if char >= " " and ord(char) not in letters} == set()


def test_the_cut_font_does_not_pass_for_the_whole_one() -> None:
    with TTFont(CHART_FONT, lazy=True) as font:
        assert font["name"].getBestFamilyName() == "Ohstats Sans SC"
        assert "Reserved Font Name" in font["name"].getDebugName(0)
        assert "SIL Open Font License" in font["name"].getDebugName(13)
    assert "SIL OPEN FONT LICENSE Version 1.1" in (ASSETS / "OFL.txt").read_text(encoding="utf-8")


@pytest.mark.browser
def test_a_page_draws_chinese_with_the_bundled_font(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "font.woff2").write_bytes(PAGE_FONT.read_bytes())
    (tmp_path / "page.html").write_text(
        '<!doctype html><meta charset="utf-8"><style>@font-face { font-family: "Ohstats Sans SC"; '
        'src: url("font.woff2") format("woff2") } span { font: 100px "Ohstats Sans SC", monospace }</style>'
        "<span>职业病</span>",
        encoding="utf-8",
    )
    with browser.new_page() as page:
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.fonts.load('100px \"Ohstats Sans SC\"', '职').then(faces => faces.length)") == 1
        assert page.evaluate("document.querySelector('span').getBoundingClientRect().width") == 300
