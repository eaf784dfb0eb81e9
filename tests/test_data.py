"""open_data: what a notebook may open, and what it is refused; exact counts are never a fall-back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from datasets import PLACE, case_rows, prepared, write

from ohstats import data, dataset, open_data
from ohstats.errors import OhstatsError, ParameterRefused
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OHSTATS_WORK", raising=False)
    return Workspace.at()


def real(tmp_path: Path, series: dict[int, int]) -> Path:
    """A data set that is neither published nor synthetic."""
    return write(tmp_path / "real", cases=case_rows(series), synthetic=None)  # type: ignore[arg-type]


def refusal(folder: Path, edition: str = "public") -> str:
    with pytest.raises(OhstatsError) as refused:
        open_data(folder, PLACE, period="2024", edition=edition)
    return str(refused.value)


NOT_PROTECTED = "The counts of small are not protected, or the data changed since. Run: ohstats protect --data-dir real"


@pytest.mark.parametrize("edition", ["public", "internal"])
def test_unprotected_counts_are_refused_in_every_edition(tmp_path: Path, workspace: Workspace, edition: str) -> None:
    folder = real(tmp_path, {2015: 3})
    assert refusal(folder, edition) == NOT_PROTECTED
    other = {"public": "internal", "internal": "public"}[edition]
    prepared(folder, workspace, other)
    assert refusal(folder, edition) == NOT_PROTECTED  # the counts of the other edition are not taken


def test_stale_counts_are_refused_and_protecting_again_mends_it(tmp_path: Path, workspace: Workspace) -> None:
    folder = real(tmp_path, {2015: 3})
    prepared(folder, workspace)
    assert open_data(folder, PLACE, period="2024").counts["numerator"].isna().iloc[0]
    real(tmp_path, {2015: 4})
    assert refusal(folder) == NOT_PROTECTED
    with pytest.raises(OhstatsError) as refused:  # protecting uncleaned tables is refused too
        data.protect(dataset.load(folder), workspace, "public")
    assert str(refused.value) == "The tables of small are not clean. Run: ohstats clean --data-dir real"
    prepared(folder, workspace)
    assert open_data(folder, PLACE, period="2024").counts["numerator"].isna().iloc[0]


def test_counts_protected_by_other_rules_are_stale(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = real(tmp_path, {2015: 3})
    prepared(folder, workspace)
    monkeypatch.setattr(data.disclosure, "RULES_VERSION", "3")
    assert refusal(folder) == NOT_PROTECTED


def test_a_report_opens_its_own_place_only(tmp_path: Path, workspace: Workspace) -> None:
    places = [(code, "", f"Place {code}", "county", "") for code in ("990001", "990002")]
    folder = write(tmp_path / "a", places=places, cases=case_rows({2015: 12}) + case_rows({2015: 13}, "990002"))
    prepared(folder, workspace)
    assert set(open_data(folder, "990002", period="2024").counts["place"]) == {"990002"}


def test_synthetic_and_published_data_are_protected_in_memory_the_same_way(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 3, 2016: 30}))
    before = open_data(folder, PLACE, period="2024")
    prepared(folder, workspace)
    after = open_data(folder, PLACE, period="2024")
    assert before.counts["hidden"].tolist()[:2] == [True, False]
    assert before.counts.equals(after.counts)
    assert before.facts == after.facts
    assert not (tmp_path / "a" / "data").exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"district": "990009"}, "No place '990009' in data set synthetic. There are: "),
        ({"period": "2026"}, "Period 2026 lies outside the data of synthetic, which cover 2010 to 2025."),
        ({"period": "last"}, "'last' is not a period; write a year (2024), "),
        ({"first_year": 2009}, "first_year 2009 must lie between 2010 (first year of the data) and 2024 (the period)."),
        ({"first_year": 2025}, "first_year 2025 must lie between 2010 (first year of the data) and 2024 (the period)."),
        ({"edition": "secret"}, "No edition 'secret'. There are: public, internal."),
        ({"language": "fr"}, "No language 'fr'. There are: zh, en."),
        ({"assessment": "weekly"}, "No assessment 'weekly'. There are: annual, midterm, final."),
    ],
)
def test_a_parameter_out_of_range_is_refused_with_what_exists(parameters: dict[str, str], message: str) -> None:
    given = {"district": "990101", "period": "2024"} | parameters
    with pytest.raises(ParameterRefused) as refused:
        open_data("data/example/synthetic", **given)  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)


def test_numbers_from_the_papermill_command_line_are_understood() -> None:
    opened = open_data("data/example/synthetic", 990101, period=2024, first_year=2014)  # type: ignore[arg-type]
    assert (opened.place["code"], opened.period.text, opened.first_year) == ("990101", "2024", 2014)
