"""The benchmark of verdicts: what docs say is what it measured, and what it measured holds."""

from __future__ import annotations

import json
import sys

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
TOLD = json.loads((ROOT / "benchmarks" / "verdicts.json").read_text(encoding="utf-8"))
ROWS = {(row["edition"], row["places"]): row for row in TOLD["rows"]}


def test_the_table_in_the_docs_is_the_one_that_was_measured() -> None:
    table = PAGE.split("<!-- verdicts -->")[1].split("<!-- end verdicts -->")[0]
    assert f"{TOLD['cities']} cities of {TOLD['districts']} districts" in table
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(lines) == len(ROWS)
    for line, row in zip(lines, TOLD["rows"], strict=True):
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        assert cells[:2] == [row["edition"], row["places"]]
        for cell, value in zip(cells[2:], list(row.values())[2:], strict=True):
            assert cell == "–" if value is None else float(cell) == pytest.approx(value, abs=0.06)


@pytest.mark.parametrize("edition", ["internal", "public"])
def test_the_stated_interval_holds_the_true_trend_as_often_as_it_says(edition: str) -> None:
    assert TOLD["cities"] >= 500
    assert 93 <= ROWS[edition, "all places"]["true trend inside, %"] <= 97
    level = ROWS[edition, "without change"]
    assert level["wrong, % of all"] <= 5
    assert level["wrong direction, %"] - 5 <= level["± (simulation)"]


def test_the_benchmark_judges_a_place_as_its_report_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import verdicts

    rows = verdicts.draw(5)  # compares with `occurrence.trends` and fails where they differ
    assert len(rows) == 2 * 5 * TOLD["districts"]
    assert set(rows.loc[rows["shown"] & (rows["edition"] == "public"), "mean"].gt(10)) == {True}
    sys.modules.pop("verdicts")
