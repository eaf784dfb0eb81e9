"""Small data sets for tests, and the notebooks of a report run in this process: what a kernel does, without one."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import nbformat
import yaml

from ohstats import data, paths
from ohstats import dataset as datasets
from ohstats.runner import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ohstats.paths import Workspace
    from ohstats.result import Result

CASES = ["place", "period", "year_basis", "key", "group", "n", "provisional", "provenance", "source", "note"]
VALUES = ["indicator_id", "place", "period", "group", "numerator", "denominator", "source", "data_date", "note"]
BREAKS = ["place", "series", "first_period_after", "last_period", "kind", "scope", "text_zh", "text_en", "source"]
TARGETS = ["indicator_id", "name_zh", "name_en", "target_value", "comparator", "unit", "deadline_year", "jurisdiction_code",
           "levels", "in_force_from", "in_force_to", "certainty"]  # fmt: skip
PLACE = "990001"


def table(columns: list[str], rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def case_rows(series: dict[int | str, Any], place: str = PLACE, key: str = "total") -> list[dict[str, Any]]:
    """Rows of case_counts from {period: count}, or {period: {column: value}}."""
    return [
        {"place": place, "period": period, "year_basis": "diagnosis", "key": key}
        | (entry if isinstance(entry, dict) else {"n": entry})
        for period, entry in series.items()
    ]


def write(
    folder: Path,
    *,
    cases: list[dict[str, Any]] | None = None,
    values: list[tuple[str, str, Any, Any, Any]] = (),  # type: ignore[assignment]
    targets: list[dict[str, Any]] = (),  # type: ignore[assignment]
    breaks: list[dict[str, Any]] = (),  # type: ignore[assignment]
    places: list[tuple[str, str, str, str, str]] = ((PLACE, "甲县", "Jia County", "county", ""),),  # type: ignore[assignment]
    periods: str = "2015..2024",
    **told: Any,
) -> Path:
    """A data set, synthetic unless told otherwise; `values` are (indicator, place, period, numerator, denominator)."""
    folder.mkdir(parents=True, exist_ok=True)
    covered = [code for code, *_names in places if code >= "900000"]
    cover = {"table": "case_counts", "places": covered, "periods": periods, "year_basis": "diagnosis", "keys": ["total"]}
    about = {"id": "small", "title_en": "Small", "data_date": "2025-01-01", "synthetic": True, "covers": [cover]} | told
    about = {name: value for name, value in about.items() if value is not None}
    texts = {
        "dataset.yml": yaml.safe_dump(about, allow_unicode=True, sort_keys=False),
        "places.csv": table(
            ["code", "name_zh", "name_en", "level", "parent"],
            [dict(zip(["code", "name_zh", "name_en", "level", "parent"], place, strict=True)) for place in places],
        ),
        "case_counts.csv": table(CASES, cases or []),
    }
    if values:
        names = ["indicator_id", "place", "period", "numerator", "denominator"]
        texts["indicator_values.csv"] = table(VALUES, [dict(zip(names, row, strict=True)) for row in values])
    if targets:
        common = {"comparator": ">=", "unit": "%", "deadline_year": 2025, "jurisdiction_code": PLACE, "certainty": "page"}
        texts["targets.csv"] = table(TARGETS, [common | row for row in targets])
    if breaks:
        common = {
            "place": PLACE,
            "series": "new_cases",
            "kind": "break",
            "scope": "place",
            "text_en": "A break",
            "source": "test",
        }
        texts["breaks.csv"] = table(BREAKS, [common | row for row in breaks])
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def said(result: Result) -> str:
    """All sentences of a section in one text."""
    return " ".join(result.sentences)


def report(folder: Path | str, workspace: Workspace, place: str = PLACE, *, name: str = "trend", **parameters: Any) -> Outcome:
    """Run the code of a report's notebook here, save it as executed, and say what a runner would."""
    chosen = datasets.load(folder)
    given = {
        "district": place, "period": str(chosen.span.last_year), "first_year": chosen.span.first_year,
        "data_dir": str(chosen.folder), "language": "en", "edition": "public", **parameters,
    }  # fmt: skip
    notebook = nbformat.read(paths.notebook(name), as_version=4)
    space: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        shown: list[Any] = []
        exec(cell.source, space)  # noqa: S102
        if "parameters" in cell.metadata.get("tags", []):
            space.update(given)
        if "show(" in cell.source:
            shown = space.pop("_shown")
        cell.outputs = shown
        space["show"] = lambda result: space.setdefault("_shown", []).append(_output(result))
    output = workspace.executed(chosen.id, given["edition"]) / given["language"] / f"{place}_{name}.ipynb"
    output.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, output)
    return Outcome(name, chosen.id, place, given["language"], given["edition"], given["period"], str(output))


def _output(result: Result) -> Any:
    bundle, metadata = result.bundle()
    return nbformat.v4.new_output("display_data", data=bundle, metadata=metadata)


def prepared(folder: Path, workspace: Workspace, edition: str = "public") -> dict[str, Any]:
    """Clean and protect into a workspace, as `ohstats run` does first."""
    return data.prepare(datasets.load(folder), workspace, edition)
