"""Executed notebooks to a published site: only outputs that carry a Result are taken; checked, then swapped in whole."""

from __future__ import annotations

import csv
import io
import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import disclosure, display, estimates, files, gate, language
from .errors import NotPublishable
from .language import _
from .paths import TEMPLATE
from .result import MIME, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from .dataset import Dataset
    from .paths import Workspace
    from .runner import Outcome

_TAGS = {"zh": "zh-CN", "en": "en"}
_KEYS = ("section", "measure", "indicator_id", "place", "jurisdiction_code", "period", "year", "first_year", "last_year", "state")
_FIRST = (*_KEYS, *estimates.COLUMNS)  # the order of columns in downloads
_FONT = "NotoSansSC-subset.woff2"


def build(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace, edition: str) -> Path:
    """Make the site of an edition from executed notebooks and put it in place of the old one.

    Parameters
    ----------
    outcomes : list of Outcome
        What was run; a failed report gets a page that says so.
    datasets : list of Dataset
        Where they come from, in the order of the index.
    workspace : Workspace
        Where the site and the register are.
    edition : str
        "public" or "internal".

    Returns
    -------
    Path
        The index page.

    Raises
    ------
    NotPublishable
        The gate found something; the old site and the register stay as they are.
    """
    target = workspace.site(edition)
    new, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    try:
        for outcome in outcomes:
            _page(outcome, outcomes, datasets, new)
        _index(outcomes, datasets, new, edition)
        _assets(new)
        gate.check(new, secrets=(str(workspace.root),))
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if edition == "public":
        for chosen in datasets:
            proposal = files.read_parquet(workspace.protected(chosen.id, edition) / "proposal.parquet")
            disclosure.append_register(proposal[_published(proposal["place"], outcomes, chosen)], workspace)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target / "index.html"


def _published(places: pd.Series[str], outcomes: list[Outcome], chosen: Dataset) -> pd.Series[bool]:
    """Places with a published report; figures of places that have none (context) stand in any report."""
    made = {outcome.district for outcome in outcomes if outcome.dataset == chosen.id and not outcome.error}
    return places.isin(made | (set(places) - set(chosen.reported) if made else set()))


def _marks(chosen: Dataset, edition: str) -> list[str]:
    """What must be known before reading anything of a data set, in the current language."""
    said = [_("Internal material: exact counts, not for publication.")] if edition == "internal" else []
    if chosen.synthetic:
        return [*said, _("Synthetic data: invented places, no figure is real")]
    return said if chosen.exempt else [*said, _("Not for publication")]


def _assets(folder: Path) -> None:
    for name in (_FONT, "OFL.txt"):
        files.write_bytes((TEMPLATE / "assets" / name).read_bytes(), folder / "assets" / name)


@lru_cache(maxsize=2)
def _style(font: str) -> str:
    return (TEMPLATE / "style.css").read_text(encoding="utf-8").replace("FONT", font)


def _words() -> dict[str, str]:
    return {
        "skip": _("Skip to the content"),
        "site": _("Site"),
        "downloads": _("Downloads:"),
        "place": _("Place"),
        "failed": _("This report could not be made. The other reports are not affected."),
    }


@lru_cache(maxsize=1)
def _exporter() -> Any:
    from nbconvert import HTMLExporter

    return HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATE)],
        extra_template_paths=[str(TEMPLATE)],
        exclude_anchor_links=True,
    )


def _page(outcome: Outcome, outcomes: list[Outcome], datasets: list[Dataset], folder: Path) -> None:
    """One report: page, results as JSON, estimates as CSV."""
    name = f"{outcome.district}_{outcome.report}"
    place = folder / outcome.language
    with language.use(outcome.language):
        common = {
            "tag": _TAGS[outcome.language],
            "style": _style(f"../assets/{_FONT}"),
            "words": _words(),
            "links": _links(outcome, outcomes),
            "foot": [],
        }
        if outcome.error:
            title = _("{code}: the report could not be made", code=outcome.district)
            marks = [mark for chosen in datasets if chosen.id == outcome.dataset for mark in _marks(chosen, outcome.edition)]
            page = _render("failed.html.j2", **common, title=title, downloads=[], marks=marks)
            files.write_text(page, place / f"{name}.html")
            return
        import nbformat

        if not Path(outcome.output).is_file():
            raise NotPublishable("The executed notebook of {name} is gone. Run: ohstats run", name=name)
        notebook = nbformat.read(outcome.output, as_version=4)
        found = results(notebook)
        downloads = [{"href": f"{name}.csv", "text": "CSV"}, {"href": f"{name}.json", "text": "JSON"}]
        told = {**common, "title": found[0]["title"], "downloads": downloads}
        page, _resources = _exporter().from_notebook_node(notebook, resources={"ohstats": told})
    files.write_text(page, place / f"{name}.html")
    files.write_json({"schema": SCHEMA, "results": found}, place / f"{name}.json")
    files.write_bytes(_csv(found).encode("utf-8-sig"), place / f"{name}.csv")


def results(notebook: Any) -> list[dict[str, Any]]:
    """The Results that the outputs of an executed notebook carry, in order."""
    return [
        output["data"][MIME] for cell in notebook.cells for output in cell.get("outputs", []) if MIME in output.get("data", {})
    ]


def _csv(found: list[dict[str, Any]]) -> str:
    """All Estimates of a report as one table, the section in the first column."""
    frames = [pd.DataFrame(result["estimates"]).assign(section=result["id"]) for result in found if result["estimates"]]
    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["section"])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = [name for name in _FIRST if name in whole] + [name for name in whole if name not in _FIRST]
    writer.writerow(columns)
    for row in whole[columns].astype(object).where(whole[columns].notna(), "").itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return buffer.getvalue()


def _cell(value: object) -> object:
    """A cell of the table for download: years and counts without a decimal point, nothing that is taken for a formula."""
    return int(value) if isinstance(value, float) and value.is_integer() else display.csv_cell(value)


def _links(outcome: Outcome, outcomes: list[Outcome]) -> list[dict[str, str]]:
    """To the index, to the other reports of the place, and to the same report in other languages."""
    links = [{"href": "../index.html", "text": _("All reports"), "lang": ""}]
    for other in outcomes:
        if other.district != outcome.district or other is outcome:
            continue
        if other.language == outcome.language:
            links.append({"href": f"{other.district}_{other.report}.html", "text": report_name(other.report), "lang": ""})
        elif other.report == outcome.report:
            text = {"zh": "\u4e2d\u6587", "en": "English"}[other.language]
            links.append(
                {"href": f"../{other.language}/{other.district}_{other.report}.html", "text": text, "lang": _TAGS[other.language]}
            )
    return links


def report_name(report: str) -> str:
    """Name of a report in the current language."""
    return {"trend": _("Trend of new cases"), "evaluation": _("Evaluation of the surveillance projects")}.get(report, report)


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined)


def _render(template: str, **page: Any) -> str:
    return str(_environment().get_template(template).render(page=page)) + "\n"


def _index(outcomes: list[Outcome], datasets: list[Dataset], folder: Path, edition: str) -> None:
    """The front page: every place with its reports, in the languages that were made."""
    made = list(dict.fromkeys(outcome.language for outcome in outcomes))
    first = made[0]
    with language.use(first):
        groups = [_group(chosen, outcomes, made, edition) for chosen in datasets]
        page = _render(
            "index.html.j2",
            tag=_TAGS[first],
            style=_style(f"assets/{_FONT}"),
            words=_words(),
            links=[],
            downloads=[],
            groups=groups,
            title=_("Occupational disease: district reports"),
            titles=_each(made, lambda: _("Occupational disease: district reports")),
            foot=[_("Made with ohstats. Every number stands with its counts and its interval.")],
        )
    files.write_text(page, folder / "index.html")


def _each(made: list[str], say: Callable[[], str]) -> list[dict[str, str]]:
    """The same words in each language that was made."""
    said = []
    for each in made:
        with language.use(each):
            said.append({"lang": _TAGS[each], "text": say()})
    return said


def _group(chosen: Dataset, outcomes: list[Outcome], made: list[str], edition: str) -> dict[str, Any]:
    mine = [outcome for outcome in outcomes if outcome.dataset == chosen.id]
    reports = list(dict.fromkeys(outcome.report for outcome in mine))
    by = {(outcome.district, outcome.report, outcome.language): outcome for outcome in mine}
    rows = []
    for place in chosen.places.to_dict("records"):
        if not any(outcome.district == place["code"] for outcome in mine):
            continue
        cells = [
            [
                {
                    "href": f"{each}/{place['code']}_{report}.html",
                    "lang": _TAGS[each],
                    "failed": _("failed") if outcome.error else "",
                    "text": _named(each, report),
                }
                for each in made
                if (outcome := by.get((place["code"], report, each)))
            ]
            for report in reports
        ]
        rows.append({"code": place["code"], "name": " ".join(str(place[f"name_{each}"]) for each in made), "cells": cells})
    return {
        "id": chosen.id,
        "titles": [{"lang": _TAGS[each], "text": chosen.titles[each]} for each in made],
        "badges": _badges(chosen, edition, made),
        "caption": _("Reports by place"),
        "heads": [report_name(report) for report in reports],
        "rows": rows,
    }


def _badges(chosen: Dataset, edition: str, made: list[str]) -> list[dict[str, str]]:
    """The marks of a data set in each language that was made."""
    said = []
    for each in made:
        with language.use(each):
            said += [{"lang": _TAGS[each], "text": mark} for mark in _marks(chosen, edition)]
    return said


def _named(each: str, report: str) -> str:
    with language.use(each):
        return report_name(report)
