"""Pages in Chromium, on a desk and on a phone: nothing overflows, nothing is fetched, Chinese is drawn, axe finds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Run
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.flow]
PAGES = [
    "index.html",
    "data.html",
    "zh/990104_trend.html",
    "en/100000_trend.html",
    "zh/100000_evaluation.html",
    "en/990104_evaluation.html",
]
# Two different letters drawn alike are two empty boxes: the font has neither.
SAME = """family => { const drawn = letter => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 40;
  const pen = canvas.getContext("2d"); pen.font = "32px " + family; pen.fillText(letter, 2, 34); return canvas.toDataURL(); };
  return ["职", "业", "病"].map(drawn).filter((picture, at, all) => all.indexOf(picture) !== at).length; }"""


@pytest.fixture(scope="module", params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": request.param, "height": 900}).new_page() as opened:
        yield opened


def opened(page: Page, published: Run, name: str) -> list[str]:
    """Open a page; all that it asked for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((published.site / name).as_uri())
    page.evaluate("document.fonts.ready.then(() => true)")
    return asked


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_fetches_nothing_and_draws_chinese(page: Page, published: Run, name: str) -> None:
    asked = opened(page, published, name)
    assert all(url.startswith(published.site.as_uri()) for url in asked)
    width = page.viewport_size["width"]  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    right = "[...document.querySelectorAll('main *:not(.scroll *)')].map(each => each.getBoundingClientRect().right)"
    assert max(page.evaluate(right)) <= width + 1
    for where in ("body", "figure svg text"):
        family = page.evaluate(f"(e => e && getComputedStyle(e).fontFamily)(document.querySelector('{where}'))")
        if family:
            assert "Ohstats Sans SC" in family
            assert page.evaluate(SAME, family) == 0
    if name.startswith("zh"):  # the letters of the page itself; a reader's own Chinese font would come first
        faces = page.evaluate("[...document.fonts].map(face => face.status)")
        assert faces == ["loaded"] or len(asked) == 1


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(page: Page, published: Run, name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened(page, published, name)
    found = Axe().run(page)
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found.response["violations"]] == []


def test_the_legend_of_a_chart_can_be_read_on_a_phone(page: Page, published: Run) -> None:
    opened(page, published, "zh/100000_trend.html")
    sizes = page.evaluate("[...document.querySelectorAll('figure svg text')].map(e => e.getBoundingClientRect().height)")
    assert len(sizes) > 10
    assert min(sizes) >= 8
