"""Pages in Chromium, on a desk and on a phone: nothing overflows, nothing is fetched, Chinese is drawn, axe finds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from datasets import PLACE, case_rows, prepared, report, write

from ohstats import dataset, site
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


HOSTILE = {
    "script": "<script>document.title='run'</script>",
    "image": "<img src=https://x.example/a onerror=\"document.title='run'\">",
    "link": "[a](javascript:document.title='run') {{ 7*7 }} {% raw %} ${7*7}",
    "style": "</style></title><svg onload=\"document.title='run'\">",
    "formula": "=cmd|'/c calc'!A1",
    "path": "../../../etc/passwd",
    "unseen": "a\u0000b\u202egnp.exe\u2066 \u200f",
    "long": "x" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_run_nothing_and_fetch_nothing(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value = HOSTILE[name]
    text = value.replace("\u0000", "")  # a CSV file cannot hold it
    rows = case_rows({year: {"n": 90 + year % 7, "source": text, "note": text} for year in range(2015, 2025)})
    folder = write(tmp_path / "data", places=[(PLACE, text, text, "county", "")], cases=rows, title_en=text, synthetic=None)
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "work"))
    workspace = Workspace.at()
    prepared(folder, workspace)
    made = [report(folder, workspace, name=each) for each in ("trend", "evaluation")]
    built = site.build(made, [dataset.load(folder)], workspace, "public").parent
    assert sorted(path.name for path in built.rglob("*.html")) == [
        "990001_evaluation.html",
        "990001_trend.html",
        "data.html",
        "index.html",
    ]
    for path in built.rglob("*.html"):
        with browser.new_page() as page:
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.title() != "run"
            assert page.evaluate("document.querySelectorAll('script, img, iframe, [onload], [onerror]').length") == 0
            assert all(url.startswith(built.as_uri()) for url in asked)
        assert not {"\u202e", "\u2066", "\u200f", "\0"} & set(path.read_text(encoding="utf-8"))
    for path in built.rglob("*.csv"):
        assert not {"\u202e", "\u2066", "\u200f", "\0"} & set(path.read_text(encoding="utf-8"))
