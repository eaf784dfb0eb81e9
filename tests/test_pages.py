"""Pages in Chromium, on a desk and on a phone: nothing overflows, nothing is fetched, Chinese is drawn, axe finds nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from datasets import case_rows, prepared, report, write

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


def test_a_chinese_page_is_drawn_alike_whenever_its_font_arrives(browser: Browser, published: Run) -> None:
    """Behind a font that is there, Chromium left the first letters of ours as boxes in a third of all loads."""
    drawn = set()
    for _load in range(6):
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            each = context.new_page()
            opened(each, published, "zh/990104_trend.html")
            drawn.add(hashlib.sha256(each.screenshot()).hexdigest())
    assert len(drawn) == 1


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


UNSEEN = {"\u202e", "\u2066", "\u200f", "\0"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of places whose names and sources are the values above, both reports of each; all in the title of the data set."""
    root = tmp_path_factory.mktemp("hostile")
    texts = {code: value.replace("\u0000", "") for code, value in zip(CODES, HOSTILE.values(), strict=True)}  # no CSV holds a NUL
    rows = [
        row
        for code, text in texts.items()
        for row in case_rows({year: {"n": 90 + year % 7, "source": text, "note": text} for year in range(2015, 2025)}, code)
    ]
    places = [(code, text, text, "county", "") for code, text in texts.items()]
    folder = write(root / "data", places=places, cases=rows, title_en=" ".join(texts.values()), synthetic=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OHSTATS_WORK", str(root / "work"))
        workspace = Workspace.at()
        prepared(folder, workspace)
        made = [report(folder, workspace, code, name=name) for code in CODES for name in ("trend", "evaluation")]
        return site.build(made, [dataset.load(folder)], workspace, "public").parent


CODES = [f"99000{number}" for number in range(1, len(HOSTILE) + 1)]
SHOWN = {
    name: [f"en/{code}_{report}.html" for report in ("trend", "evaluation")] for name, code in zip(HOSTILE, CODES, strict=True)
}
SHOWN["all together"] = ["data.html", "index.html"]


@pytest.mark.parametrize("name", SHOWN)
def test_hostile_values_run_nothing_and_fetch_nothing(browser: Browser, hostile: Path, name: str) -> None:
    for path in [hostile / each for each in SHOWN[name]]:
        with browser.new_page() as page:
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.title() != "run"
            assert page.evaluate("document.querySelectorAll('script, img, iframe, [onload], [onerror]').length") == 0
            assert all(url.startswith(hostile.as_uri()) for url in asked)
        assert not UNSEEN & set(path.read_text(encoding="utf-8"))


def test_hostile_values_stand_in_no_name_of_a_file_and_unseen_letters_in_no_table(hostile: Path) -> None:
    pages = {path.relative_to(hostile).as_posix() for path in hostile.rglob("*.html")}
    assert pages == {each for names in SHOWN.values() for each in names}
    for path in hostile.rglob("*.csv"):
        assert not UNSEEN & set(path.read_text(encoding="utf-8"))
