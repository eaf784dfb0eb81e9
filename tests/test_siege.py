"""A published site under attack: two yearly releases, identifiers in every form, and the same attack on what is not protected."""

from __future__ import annotations

import csv
import re
import shutil
from typing import TYPE_CHECKING

import pytest
import siege
from datasets import prepared, report

from ohstats import dataset, disclosure, gate, site
from ohstats.errors import NotPublishable
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

DISTRICTS, IDENTIFIERS, SMALL = 3, 100, 40
siege.FIRST = 2020  # few years and districts: quick


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], siege.World, list[str], Path]:
    """Both releases as they were published, the truth of the second, and identifiers of the input."""
    root = tmp_path_factory.mktemp("siege")
    cards, codes = siege.city(DISTRICTS)
    early, late = siege.released(cards)
    folder, workspace, releases = root / "data", Workspace.at(root / "work"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OHSTATS_WORK", str(workspace.root))
        for last, there in ((siege.LAST - 1, early), (siege.LAST, late)):
            siege.write(folder, there, codes, last)
            prepared(folder, workspace)
            made = [report(folder, workspace, code) for code in (siege.CITY, *codes)]
            built = site.build(made, [dataset.load(folder)], workspace, "public").parent
            releases.append(shutil.copytree(built, root / str(last)))
    return releases, siege.world(late, codes), siege.identifiers(late, IDENTIFIERS), folder


def attacked(releases: list[Path], truth: siege.World) -> tuple[siege.Siege, pd.DataFrame]:
    exact = truth.figures()
    return siege.Siege(truth, [siege.published(folder, truth) for folder in releases]), exact


def test_no_small_count_can_be_told_from_both_releases(besieged: tuple) -> None:
    attack, exact = attacked(*besieged[:2])
    assert len(attack.printed) > 20
    lost, tried = attack.told_of(exact, SMALL)
    assert tried > 20
    assert lost == []


def test_the_attack_reads_a_number_out_of_every_part_of_a_page(besieged: tuple, tmp_path: Path) -> None:
    """A small count planted in one part alone, where no number stands, is told."""
    release = besieged[0][1]
    places = sorted({path.name[:6] for path in (release / "en").glob("*_trend.html")})
    known = {code: {(period, n) for period, key, n in siege.told(release, code) if key == "total"} for code in places}
    code, year = next((code, year) for code in places for year in ("2021", "2024", "2025") if (year, 3.0) not in known[code])
    row = f'{{"unit": "cases", "period": "{year}", "value": 3}}'
    table = f"<table><tr><th>Year</th><th>New cases</th></tr><tr><th>{year}</th><td>3</td></tr></table>"
    plants = {
        "sentence": ("html", "</main>", f"<p>{year}: 3 new cases.</p></main>"),
        "alternative text": ("html", "</main>", f'<div aria-label="3 in {year}"></div></main>'),
        "table": ("html", "</main>", f"{table}</main>"),
        "results": ("json", '"results": [', f'"results": [{{"sentences": [], "figure": null, "estimates": [{row}]}},'),
        "download": ("csv", "", ""),
    }
    for part, (kind, mark, text) in plants.items():
        folder = shutil.copytree(release, tmp_path / part)
        path = folder / "en" / f"{code}_trend.{kind}"
        content = path.read_text(encoding="utf-8-sig")
        assert mark in content, part
        if kind == "csv":
            cells = {"year": year, "value": "3", "unit": "cases", "state": "shown"}
            content += ",".join(cells.get(name, "") for name in content.splitlines()[0].split(",")) + "\n"
        path.write_text(content.replace(mark, text, 1) if mark else content, encoding="utf-8")
        assert (year, "total", 3.0) in siege.told(folder, code), part


def test_a_mark_of_a_figure_is_a_number_too(besieged: tuple) -> None:
    """What is printed by year is read back from the drawn marks alone; none stands in a year without a number."""
    release, checked = besieged[0][1], 0
    for path in sorted((release / "en").glob("*_trend.html")):
        figures = re.findall(r"<svg.*?</svg>", path.read_text(encoding="utf-8"), re.S)
        marks = {(period, n) for svg in figures for period, _key, n in siege.of_figure(svg)}
        with path.with_suffix(".csv").open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["section"] == "case-figure" and row["unit"] == "cases"]
        printed = {(row["year"], float(row["value"])) for row in rows if row["value"] and float(row["value"]) > 0}
        assert printed <= marks or not marks
        assert {period for period, _n in marks} <= {period for period, _n in printed}
        checked += len(marks)
    assert checked


def test_a_protect_step_that_does_nothing_turns_attack_and_gate_red(
    besieged: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _releases, truth, _texts, folder = besieged
    workspace = Workspace.at(tmp_path)
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path))
    monkeypatch.setattr(disclosure.secondary, "secure", lambda _state, _before=None: disclosure.secondary.Secured())
    monkeypatch.setattr(disclosure.primary, "small", lambda figures: figures["people"] & False)
    prepared(folder, workspace)
    made = [report(folder, workspace, code) for code in truth.places | {siege.CITY: ""}]
    monkeypatch.undo()
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path))
    with pytest.raises(NotPublishable, match=r"_trend\.json: a small count of cases"):
        site.build(made, [dataset.load(folder)], workspace, "public")
    monkeypatch.setattr(gate, "_small", lambda _told: False)
    with pytest.raises(NotPublishable, match="a small count is shown: new_cases"):
        site.build(made, [dataset.load(folder)], workspace, "public")
    monkeypatch.setattr(site, "_hold_back_leaks", lambda *_all: None)
    built = site.build(made, [dataset.load(folder)], workspace, "public").parent
    exact = truth.figures().set_index(siege.KEYS)["numerator"]
    told = siege.published(built, truth)
    small = {tuple(row)[1:7] for row in told.itertuples() if 0 < row.numerator < 5 and tuple(row)[1:7] in exact.index}
    assert len(small) > 5


def test_no_identifier_lies_in_the_site_and_every_planted_one_is_found(besieged: tuple) -> None:
    releases, _truth, texts, folder = besieged
    wanted, needles = gate.collect(folder), siege.Needles(texts)
    files = [path.read_bytes() for each in releases for path in each.rglob("*") if path.suffix in (".html", ".json", ".csv")]
    assert [at for at, content in enumerate(files) if needles.inside(content) or gate.identifiers.findings(content, wanted)] == []
    assert siege.planted(texts, needles.inside) == []
    assert siege.planted(texts, lambda content: bool(gate.identifiers.findings(content, wanted))) == []
