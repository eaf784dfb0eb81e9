"""The gate reads a finished folder and refuses whatever may not be published, whoever put it there."""

from __future__ import annotations

import getpass
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from datasets import case_rows, prepared, report, write

from ohstats import dataset, gate, site
from ohstats.errors import NotPublishable
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "en/990001_trend.html"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that passes."""
    root = tmp_path_factory.mktemp("gate")
    folder, workspace = write(root / "data", cases=case_rows({2015: 12, 2016: 9})), Workspace.at(root / "work")
    prepared(folder, workspace)
    return site.build([report(folder, workspace)], [dataset.load(folder)], workspace, "public").parent


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "site")


def findings(folder: Path) -> list[str]:
    with pytest.raises(NotPublishable) as refused:
        gate.check(folder)
    first, *lines = str(refused.value).splitlines()
    assert first == f"Nothing was published: {len(lines)} findings."
    return [line.strip() for line in lines]


def test_a_site_as_it_is_built_passes(good: Path) -> None:
    gate.check(good)


@pytest.mark.parametrize(
    ("planted", "finding"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ("<SCRIPT SRC=//x.example/a.js></SCRIPT>", "<script>"),
        ('<p onclick="x()">a</p>', "<p onclick>"),
        ('<svg><path d="M0" onload="x()"/></svg>', "<path onload>"),
        ("<svg><script>x</script></svg>", "<script>"),
        ("<svg><foreignObject></foreignObject></svg>", "<foreignobject>"),
        ("<svg><style>a{}</style></svg>", "<style>"),
        ('<svg><use xlink:href="https://x.example/a.svg#b"/></svg>', "<use xlink:href> with a foreign address"),
        ('<svg><rect fill="url(https://x.example/a#b)"/></svg>', "<rect fill> with an address"),
        ('<svg><g clip-path="URL( https://x.example/a#b)"></g></svg>', "<g clip-path> with an address"),
        ('<svg><g style="fill:u\\72l(//x.example/a)"></g></svg>', "<g style> with an address"),
        ("<iframe></iframe>", "<iframe>"),
        ("<object></object>", "<object>"),
        ("<form><input></form>", "<form>"),
        ('<img src="https://x.example/a.png">', "<img>"),
        ('<link rel="stylesheet" href="https://x.example/a.css">', "<link>"),
        ('<base href="https://x.example/">', "<base>"),
        ('<meta http-equiv="refresh" content="0;url=https://x.example/">',
         "<meta http-equiv> that is not the one Content-Security-Policy"),
        ('<style>@font-face{font-family:a;src:url("https://x.example/a.woff2")}</style>', "<style> with an address"),
        ("<style>@import '//x.example/a.css';</style>", "<style> with an address"),
        ('<p style="color:red">a</p>', "<p style>"),
        ('<a href="javascript:alert(1)">a</a>', "<a href> with a foreign address"),
        ('<a href="//x.example/">a</a>', "<a href> with a foreign address"),
        ('<a href="../../data/work/a.csv">a</a>', "<a href> with a foreign address"),
        ('<a href="data:text/html,x">a</a>', "<a href> with a foreign address"),
        ("<!-- 3 cases in 2016 -->", "a comment"),
        ("<?xml-stylesheet href='x'?>", "a processing instruction"),
        ("<!ENTITY x>", "a comment"),
        ("<p>Traceback (most recent call last):</p>", "the text 'Traceback (most recent call last)'"),
        ("<p>lib/site-packages/x</p>", "the text 'site-packages'"),
    ],
)  # fmt: skip
def test_what_is_planted_in_a_page_is_found(copy: Path, planted: str, finding: str) -> None:
    page = copy / PAGE
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", planted + "</main>"), encoding="utf-8")
    assert f"{PAGE}: {finding}" in findings(copy)


@pytest.mark.parametrize(
    "policy",
    ["", '<meta http-equiv="Content-Security-Policy" content="default-src *">',
     '<meta http-equiv="Content-Security-Policy" content="default-src *" content="{right}">'],
    ids=["none", "another", "hidden behind the right one"],
)  # fmt: skip
def test_a_page_needs_the_one_policy(copy: Path, policy: str) -> None:
    page = copy / PAGE
    text = page.read_text(encoding="utf-8")
    changed, times = re.subn(
        r"<meta content=\"[^\"]*\" http-equiv=\"Content-Security-Policy\"/>", policy.format(right=gate.pages.CSP), text
    )
    assert times == 1
    page.write_text(changed, encoding="utf-8")
    assert findings(copy) == [f"{PAGE}: no Content-Security-Policy, or another one"]


@pytest.mark.parametrize("cell", ["=cmd()", "+1+1+cmd", "@SUM(A1)", "-x", '"\t=1"', "＝1", '"\n=1"'])
def test_a_formula_cell_is_found(copy: Path, cell: str) -> None:
    path = copy / "en" / "990001_trend.csv"
    path.write_bytes(path.read_bytes() + f"headline,{cell}\n".encode())
    assert findings(copy) == ["en/990001_trend.csv: a cell that a spreadsheet takes for a formula"]


def test_numbers_below_zero_are_no_formulas(copy: Path) -> None:
    path = copy / "en" / "990001_trend.csv"
    path.write_bytes(path.read_bytes() + b"headline,-10.7,-1e-05,-3\n")
    gate.check(copy)


@pytest.mark.parametrize(
    "name",
    ["raw.csv", "en/notes.html", "en/990001_trend.parquet", "zh/990001_trend.ipynb", "assets/raw.csv", "assets/a.html", ".hidden",
     "990001_trend.html", "en/012345_trend.html", "register.csv", "en/deep/990001_trend.html"],
)  # fmt: skip
def test_a_stray_file_is_found(copy: Path, name: str) -> None:
    path = copy / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((copy / PAGE).read_bytes())
    assert findings(copy) == [f"{name}: a file of this name or kind is not published"]


def test_links_pipes_false_fonts_and_other_encodings_are_found(copy: Path) -> None:
    (copy / "en" / "990002_trend.html").symlink_to(copy / PAGE)
    (copy / "fr").symlink_to(copy / "en")
    os.mkfifo(copy / "en" / "990003_trend.csv")
    (copy / "assets" / "a.woff2").write_bytes(b"place,n\n")
    (copy / "en" / "990004_trend.json").write_bytes("病".encode("gb18030"))
    assert findings(copy) == [
        "assets/a.woff2: no font",
        "en/990002_trend.html: a file of this name or kind is not published",
        "en/990003_trend.csv: a file of this name or kind is not published",
        "en/990004_trend.json: no text in UTF-8",
        "fr: a file of this name or kind is not published",
    ]


def test_texts_of_the_machine_are_found_everywhere(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "wang-2024")
    monkeypatch.setattr("pathlib.Path.home", lambda: copy.parent / "nobody")
    for name, text in {"en/990001_trend.json": "wang-2024", "en/990001_trend.csv": str(copy.parent / "nobody")}.items():
        path = copy / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    assert findings(copy) == [
        "en/990001_trend.csv: a path, user or host name of the machine",
        "en/990001_trend.json: a path, user or host name of the machine",
    ]
    with pytest.raises(NotPublishable):
        gate.check(copy, secrets=("new cases",))
