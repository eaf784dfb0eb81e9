"""results.json and the CSV: as described, for every page, with the numbers of every figure."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ROOT
from datasets import PLACE, case_rows, prepared, report, write
from jsonschema import Draft202012Validator
from test_summary import PLACES, ROSE

from ohstats import dataset, paths, site
from ohstats.paths import Workspace
from ohstats.result import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

RULES = json.loads((paths.REFERENCE / "results.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of China and of a small place, both reports in both languages."""
    root = tmp_path_factory.mktemp("results")
    patch = pytest.MonkeyPatch()
    patch.setenv("OHSTATS_WORK", str(root / "work"))
    workspace = Workspace.at()
    name = "hazard_declaration_rate_key"
    target = {"indicator_id": name, "name_en": "Declared", "name_zh": "申报率", "target_value": 95, "levels": "county"}
    small = write(
        root / "data", cases=case_rows(ROSE), places=PLACES, periods="2016..2025",  # type: ignore[arg-type]
        values=[(name, PLACE, 2025, 190, 205)], targets=[target],
    )  # fmt: skip
    made = []
    for data_dir, place in ((ROOT / "data/example/china", "100000"), (small, PLACE)):
        prepared(data_dir, workspace)
        made += [
            report(data_dir, workspace, place, name=name, language=each)
            for name in ("trend", "evaluation")
            for each in ("zh", "en")
        ]
    built = site.build(made, [dataset.load(ROOT / "data/example/china"), dataset.load(small)], workspace, "public").parent
    patch.undo()
    return built


def told(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.rglob("*_*.json"))]


def test_every_page_follows_the_schema(folder: Path) -> None:
    Draft202012Validator.check_schema(RULES)
    check = Draft202012Validator(RULES)
    pages = told(folder)
    assert len(pages) == 8
    for path, content in pages:
        assert [error.message for error in check.iter_errors(content)] == [], path.name
        assert path.name.startswith(f"{content['place']}_{content['report']}")
        assert path.parent.name == content["language"]
    assert not check.is_valid({**pages[0][1], "schema": SCHEMA + 1})
    assert not check.is_valid({**pages[0][1], "surprise": 1})


def test_every_field_of_the_schema_is_described(folder: Path) -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    fields = {name for part in (RULES, *RULES["$defs"].values()) for name in part.get("properties", {})}
    assert [name for name in sorted(fields) if f"`{name}`" not in text] == []
    assert f"now {SCHEMA}:" in text
    there = {name for _path, content in told(folder) for result in content["results"] for name in result}
    assert there <= fields


def test_the_numbers_of_every_figure_stand_in_a_table_beside_it_and_in_the_csv(folder: Path) -> None:
    seen = 0
    for path, content in told(folder):
        with path.with_suffix(".csv").open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        results = content["results"]
        for at, result in enumerate(results):
            if not result["figure"]:
                continue
            seen += 1
            beside = [each["table"] for each in results[max(0, at - 1) : at + 2] if each["table"]]
            assert beside, f"{path.name}: {result['id']} has no table beside it"
            cells = {cell.replace("−", "-") for table in beside for row in table["rows"] for cell in row}
            mine = [float(row["value"]) for row in rows if row["section"] == result["id"] and row["value"]]
            values = [each["value"] for each in result["estimates"] if each["value"] is not None]
            assert mine == pytest.approx(values)
            assert values
            for value in values:
                assert any(f"{value:,.{digits}f}" in cell for cell in cells for digits in (0, 1)), f"{result['id']}: {value}"
    assert seen >= 6
