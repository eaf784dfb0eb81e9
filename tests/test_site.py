"""The published site: what every page carries and never carries, downloads that agree, names that stay text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import ROOT
from datasets import PLACE, case_rows, prepared, report, write

from ohstats import dataset, disclosure, manifest, site
from ohstats.__main__ import site as command
from ohstats.errors import NotPublishable, ParameterRefused
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from conftest import Run

MARKS = {
    "en": "Synthetic data: an invented place. No figure on this page is real.",
    "zh": "合成数据：虚构地区，本页数字均非真实。",
}


# The real run -----------------------------------------------------------------------------------------------------------
@pytest.mark.flow
def test_one_command_makes_every_page_in_both_languages(published: Run) -> None:
    assert published.done.returncode == 0, published.done.stderr
    lines = published.done.stdout.splitlines()
    assert lines[:2] == ["china: cleaned; 0 of 242 figures hidden", "synthetic: cleaned; 302 of 3029 figures hidden"]
    assert re.fullmatch(r"8 of 8 reports of 2 places made in \d+ s; 0 failed\.", lines[2])
    assert lines[3:] == [str(published.site / "index.html")]
    stems = [f"{code}_{name}" for code in (100000, 990104) for name in ("trend", "evaluation")]
    names = [f"{stem}.{kind}" for stem in stems for kind in ("html", "csv", "json")]
    made = {path.relative_to(published.site).as_posix() for path in published.site.rglob("*") if path.is_file()}
    assert made == {f"{language}/{name}" for language in ("en", "zh") for name in names} | {
        "index.html", "data.html", "assets/NotoSansSC-subset.woff2", "assets/OFL.txt",
    }  # fmt: skip


@pytest.mark.flow
def test_nothing_is_written_below_the_examples_or_into_the_package(published: Run, half_failed: Run) -> None:
    assert published.before == published.after
    assert half_failed.before == half_failed.after


@pytest.mark.flow
def test_every_page_of_synthetic_data_says_so(published: Run) -> None:
    for language, mark in MARKS.items():
        for path in (published.site / language).glob("990104_*.html"):
            assert mark in path.read_text(encoding="utf-8")
        for path in (published.site / language).glob("100000_*.html"):
            assert mark not in path.read_text(encoding="utf-8")
    index = (published.site / "index.html").read_text(encoding="utf-8")
    assert "Synthetic data: invented places, no figure is real" in index
    assert "合成数据：虚构地区，数字均非真实" in index


@pytest.mark.flow
def test_no_page_doubles_a_unit_or_a_mark(published: Run) -> None:
    twice = re.compile("年年|月月|例例|项项|。。|，，|；；|：：|、、|%%|%％|[.][.]|,,|;;|::")
    for path in published.pages():
        text = re.sub("<style.*?</style>|<[^>]+>", "\n", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert twice.findall(text) == [], path


@pytest.mark.flow
def test_pages_hold_no_script_no_foreign_file_and_no_trace_of_the_machine(published: Run) -> None:
    assert len(published.pages()) == 10
    for path in published.pages():
        page = path.read_text(encoding="utf-8")
        assert re.findall(r"<script|<iframe|<img|<link|javascript:|\son\w+=", page) == []
        sources = re.findall(r'(?:src|url)\s*[=(]\s*"?([^")\s]+)', page)
        assert {source for source in sources if not source.startswith("#")} == {
            "assets/NotoSansSC-subset.woff2" if path.name in ("index.html", "data.html") else "../assets/NotoSansSC-subset.woff2"
        }
        assert re.findall(r'http-equiv="Content-Security-Policy"', page) == ['http-equiv="Content-Security-Policy"']
        assert f'<html lang="{"zh-CN" if path.parent.name == "zh" else "en"}">' in page
        for trace in (str(published.work), str(ROOT), "In&nbsp;[", "papermill", "open_data", "Traceback"):
            assert trace not in page


@pytest.mark.flow
def test_links_of_every_page_lead_to_files_that_exist(published: Run) -> None:
    for path in published.pages():
        for link in re.findall(r'href="([^"#][^"]*)"', path.read_text(encoding="utf-8")):
            assert link.startswith("http") or (path.parent / link).resolve().is_file(), (path.name, link)


@pytest.mark.flow
def test_the_table_for_download_opens_and_agrees_with_the_json(published: Run) -> None:
    for path in sorted(published.site.rglob("*.csv")):
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["results"]
        expected = [row | {"section": result["id"]} for result in told for row in result["estimates"]]
        found = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert len(found) == len(expected) > 0
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # else spreadsheets garble Chinese
        for row, wanted in zip(found.to_dict("records"), expected, strict=True):
            for name, value in wanted.items():
                if isinstance(value, float):
                    assert float(row[name]) == pytest.approx(value, rel=1e-12)
                else:
                    assert row[name] == ("" if value is None else str(value))
    china = pd.read_csv(published.site / "en" / "100000_trend.csv")
    latest = china[(china["section"] == "trends") & (china["last_year"] == 2024)].iloc[0]
    assert latest[["value", "lower", "upper"]].astype(float).round(1).tolist() == [-10.7, -13.3, -8.1]
    assert "2024.0" not in (published.site / "en" / "100000_trend.csv").read_text(encoding="utf-8")


@pytest.mark.flow
def test_pages_say_the_same_numbers_in_both_languages(published: Run) -> None:
    for name in ("100000_trend", "100000_evaluation", "990104_trend", "990104_evaluation"):
        texts = [(published.site / language / f"{name}.json").read_text(encoding="utf-8") for language in ("en", "zh")]
        english, chinese = (json.loads(text)["results"] for text in texts)
        for left, right in zip(english, chinese, strict=True):
            assert left["estimates"] == right["estimates"]
            assert (left["id"], left["language"], right["language"]) == (right["id"], "en", "zh")


# Failures ---------------------------------------------------------------------------------------------------------------
@pytest.mark.flow
def test_one_failing_place_never_stops_the_others(half_failed: Run) -> None:
    assert half_failed.done.returncode == 1
    lines = half_failed.done.stdout.splitlines()
    assert lines[1] == "failed: fragile of 990106 (zh): AssertionError"
    assert re.fullmatch(r"1 of 2 reports of 2 places made in \d+ s; 1 failed\.", lines[2])
    good = (half_failed.site / "zh" / "990105_fragile.html").read_text(encoding="utf-8")
    assert "云埠区" in good
    assert not (half_failed.site / "zh" / "990106_fragile.csv").exists()
    index = (half_failed.site / "index.html").read_text(encoding="utf-8")
    assert index.count("未生成") == 1


@pytest.mark.flow
def test_the_page_of_a_failed_report_says_so_and_nothing_more(half_failed: Run) -> None:
    page = (half_failed.site / "zh" / "990106_fragile.html").read_text(encoding="utf-8")
    body = re.sub(r"<[^>]+>", " ", page[page.index('<main id="main">') : page.index("</main>")])
    assert body.split() == ["990106：报告未能生成", "合成数据：虚构地区，数字均非真实", "本报告未能生成。其他报告不受影响。"]
    for leaked in ("secret value", "AssertionError", "Traceback"):
        assert all(leaked not in path.read_text(encoding="utf-8", errors="ignore") for path in half_failed.site.rglob("*.*"))
    kept = half_failed.work / "data" / "work" / "synthetic" / "failed" / "public" / "zh" / "990106_fragile.ipynb"
    assert "secret value" in kept.read_text(encoding="utf-8")  # for the analyst, where only they can read it
    assert kept.parent.stat().st_mode & 0o077 == 0
    assert set(disclosure.read_register(Workspace.at(half_failed.work))["place"]) == {"990105"}


# Built here -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "work"))
    return Workspace.at()


def build(folder: Path, workspace: Workspace, **parameters: Any) -> Path:
    """The site of both reports of the one place."""
    prepared(folder, workspace)
    made = [report(folder, workspace, name=name, **parameters) for name in ("trend", "evaluation")]
    return site.build(made, [dataset.load(folder)], workspace, "public").parent


HOSTILE = '<script>alert("1")</script>'
FORMULA = '=cmd|"/c calc"!A1'


def test_hostile_names_and_sources_stay_text_in_pages_figures_and_tables(tmp_path: Path, workspace: Workspace) -> None:
    """Names with tags, quotes, formulas and TeX come out as they went in."""
    folder = write(
        tmp_path / "a",
        places=[(PLACE, HOSTILE, HOSTILE, "county", "")],
        cases=case_rows({2015: {"n": 12, "source": FORMULA}, 2016: {"n": 9, "source": HOSTILE}}),
        values=[("own", PLACE, 2024, 90, 100), ("persons_examined", PLACE, 2024, 90, "")],
        targets=[{"indicator_id": "own", "target_value": 95, "name_en": "$\\frac$ & <b>'\"", "certainty": HOSTILE}],
        breaks=[{"first_period_after": 2020, "text_en": HOSTILE}],
        title_en=HOSTILE, published={"publisher": HOSTILE, "title": FORMULA, "date": "2024"}, synthetic=None,
    )  # fmt: skip
    own = "indicator_id,measure,name_en,basis,counts\nown,proportion,x,census,point\n"
    (folder / "indicators.csv").write_text(own, encoding="utf-8")
    built = build(folder, workspace)  # the gate has read it
    for path in built.rglob("*.html"):
        assert "<script" not in path.read_text(encoding="utf-8")
        assert "&lt;script&gt;" in path.read_text(encoding="utf-8")
    page = (built / "en" / "990001_evaluation.html").read_text(encoding="utf-8")
    assert page.count("$\\frac$ &amp; &lt;b&gt;") >= 3  # table, alt text and the text of the figure itself
    table = pd.read_csv(built / "en" / "990001_trend.csv")
    assert {"'" + FORMULA, HOSTILE} <= set(table["source"].dropna())
    told = json.loads((built / "en" / "990001_trend.json").read_text(encoding="utf-8"))
    assert told["results"][0]["title"].startswith(HOSTILE)


def test_figures_have_their_finding_as_alt_text_and_share_no_id(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 12, 2023: 60, 2024: 19}))
    page = (build(folder, workspace) / "en" / "990001_trend.html").read_text(encoding="utf-8")
    assert 'aria-label="New cases by year in Jia County: 12 in 2015, 19 in 2024.' in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', page)) <= set(ids)


def test_the_site_of_the_last_run_is_not_rebuilt_from_older_data(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 12}))
    prepared(folder, workspace)
    made = report(folder, workspace)
    noted = manifest.Manifest(workspace, "public")
    noted.begin({made.output: "key"}, [made.output], [dataset.load(folder)])
    noted.add(made, "key")
    command(work=workspace.root)
    assert (workspace.site("public") / "en" / "990001_trend.html").is_file()
    Path(made.output).unlink()
    with pytest.raises(NotPublishable) as refused:
        command(work=workspace.root)
    assert str(refused.value) == "The executed notebook of 990001_trend is gone. Run: ohstats run"
    write(folder, cases=case_rows({2015: 13}))
    with pytest.raises(ParameterRefused) as stale:
        command(work=workspace.root)
    assert str(stale.value) == "The data of small changed since the last run. Run: ohstats run"
