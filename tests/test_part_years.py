"""A report of part of a year speaks of that part, or of whole years that are over; never of months to come."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
from datasets import said

from ohstats import breakdowns, open_data, paths, periods, sections

if TYPE_CHECKING:
    from ohstats.data import Data
    from ohstats.result import Result

CITY = paths.examples() / "synthetic"


@pytest.fixture(scope="module", params=["internal", "public"])
def half(request: pytest.FixtureRequest) -> Data:
    return open_data(CITY, "990104", period="2025H1", edition=request.param, language="en")


def shown(name: str, data: Data) -> list[Result]:
    """What the cells of a notebook show."""
    cells = nbformat.read(paths.notebook(name), as_version=4).cells
    calls = [call for cell in cells if cell.cell_type == "code" for call in re.findall(r"show\((sections\..+)\)", cell.source)]
    return [eval(call, {"sections": sections, "data": data}) for call in calls]  # noqa: S307


def test_no_section_tells_a_figure_of_the_whole_year(half: Data) -> None:
    results = [*shown("trend", half), *shown("evaluation", half)]
    assert len(results) > 40
    for result in results:
        told: dict[str, Any] = {name: result.estimates[name] for name in ("period", "year") if name in result.estimates}
        assert not any(column.astype(str).eq("2025").any() for column in told.values()), result.id
        assert result.table is None or not result.table.caption.endswith(", 2025"), result.id


def test_what_is_not_known_is_not_called_reached(half: Data) -> None:
    headline, problems = said(sections.evaluation_headline(half)), said(sections.problems(half))
    assert "No figure for first half of 2025 fits a target in force: none can be judged." in headline
    assert problems.startswith("No target can be judged")
    assert said(sections.duties(half)).startswith("No figure for first half of 2025: it takes the table employers")


@pytest.mark.parametrize(
    ("reported", "there", "taken"),
    [
        ("2025", ["2024", "2025", "2025H2"], "2025"),
        ("2025H1", ["2024", "2025", "2025H1"], "2025H1"),
        ("2025H1", ["2020..2024", "2024", "2025"], "2024"),
        ("2025", ["2021..2025", "2024"], "2021..2025"),
        ("2025H1", ["2025"], ""),
    ],
)
def test_groups_are_those_of_the_latest_period_that_is_over(reported: str, there: list[str], taken: str) -> None:
    rows = pd.DataFrame({"period": there, "hidden": False})
    opened: Any = SimpleNamespace(period=periods.parse(reported), first_year=2020)
    assert breakdowns._latest(rows, opened) == taken
