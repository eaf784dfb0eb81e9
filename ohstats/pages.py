"""One executed notebook to its page, results as JSON and estimates as CSV; only outputs that carry a Result are taken."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from . import display, estimates, files, language, paths
from .errors import NotPublishable
from .language import _
from .paths import TEMPLATE
from .result import MIME, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TAGS = {"zh": "zh-CN", "en": "en"}
FONT = "NotoSansSC-subset.woff2"
KINDS = (".html", ".json", ".csv")
_KEYS = ("section", "measure", "indicator_id", "place", "jurisdiction_code", "period", "year", "first_year", "last_year", "state")
_FIRST = (*_KEYS, *estimates.COLUMNS)  # the order of columns in downloads


def make(
    executed: Path,
    folder: Path,
    district: str,
    report: str,
    tongue: str,
    others: Iterable[tuple[str, str]],
    *,
    edition: str = "public",
    period: str = "",
    above: str = "",
    rules: Mapping[str, object] | None = None,
) -> None:
    """Write the page of a report and its downloads, unless they are there already.

    Parameters
    ----------
    executed : Path
        The executed notebook.
    folder : Path
        Where the files go, named by district and report.
    district, report, tongue : str
        What it is about, and the language.
    others : iterable of (report, language)
        Reports of the same place, in the order of the links.
    edition : str
        "public" refuses what shows exact records.
    period : str
        What is reported.
    above : str
        Page, without its ending, that the section "pointer" links to; it names the place.
    rules : mapping, optional
        By which rules the figures were made; stands in the results for the gate.

    Raises
    ------
    NotPublishable
        The notebook is gone, or is for the internal edition only.
    """
    name = f"{district}_{report}"
    try:
        content = executed.read_bytes()
    except FileNotFoundError as error:
        raise NotPublishable("The executed notebook of {name} is gone. Run: ohstats run", name=name) from error
    links = [pair for pair in others if pair[1] == tongue or pair[0] == report]  # the other ones stand on no page
    made_from = [
        hashlib.sha256(content).hexdigest(), district, report, tongue, links, paths.package_digest(), _libraries(),
        edition, period, above, rules,
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
    stamp = folder / f".{name}.made"
    told = files.read_json(stamp) or {}
    if told.get("key") == key and told["files"] == _digests(folder, name):
        return
    import nbformat

    stamp.unlink(missing_ok=True)
    notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
    found = results(notebook)
    if edition == "public" and any(result.get("internal") for result in found):
        raise NotPublishable("{name} shows exact records: it is for the internal edition only.", name=name)
    with language.use(tongue):
        page = {
            "tag": TAGS[tongue],
            "style": style(f"../assets/{FONT}"),
            "words": words(),
            "links": _links(district, report, tongue, links),
            "foot": [],
            "title": found[0]["title"],
            "above": above and f"{above}.html",
            "downloads": [
                *({"href": f"{name}{kind}", "text": kind[1:].upper()} for kind in (".csv", ".json")),
                *(
                    {"href": f"{name}_{number}.xlsx", "text": _("Worklists {number}", number=number)}
                    for number in _townships(found)
                ),
            ],
        }
        html, _resources = exporter().from_notebook_node(notebook, resources={"ohstats": page})
    files.write_text(display.plain(html), folder / f"{name}.html")
    about = {"schema": SCHEMA, "report": report, "place": district, "period": period, "language": tongue, "edition": edition}
    files.write_json({**about, **(rules or {}), "results": found}, folder / f"{name}.json")
    files.write_bytes(_csv(found).encode("utf-8-sig"), folder / f"{name}.csv")
    files.write_json({"key": key, "files": _digests(folder, name)}, stamp)


def _townships(found: list[dict[str, Any]]) -> range:
    """Numbers of the workbooks that the site writes beside the page."""
    rows = [row for result in found for sheet in result.get("sheets", []) for row in sheet["rows"]]
    return range(1, len({row[0] for row in rows}) + 1)


def _digests(folder: Path, name: str) -> list[str]:
    try:
        return [hashlib.sha256((folder / f"{name}{kind}").read_bytes()).hexdigest() for kind in KINDS]
    except OSError:
        return []


@lru_cache(maxsize=1)
def _libraries() -> list[str]:
    return [f"{name} {version(name)}" for name in ("jinja2", "nbconvert", "nbformat")]


def failed(folder: Path, district: str, report: str, tongue: str, others: Iterable[tuple[str, str]], *, marks: list[str]) -> None:
    """Write the page of a report that could not be made."""
    with language.use(tongue):
        page = render(
            "failed.html.j2",
            tag=TAGS[tongue],
            style=style(f"../assets/{FONT}"),
            words=words(),
            links=_links(district, report, tongue, others),
            foot=[],
            title=_("{code}: the report could not be made", code=district),
            downloads=[],
            marks=marks,
        )
    files.write_text(page, folder / f"{district}_{report}.html")


def _links(district: str, report: str, tongue: str, others: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """To the index, to the other reports of the place, and to the same report in other languages."""
    links = [
        {"href": "../index.html", "text": _("All reports"), "lang": ""},
        {"href": "../data.html", "text": _("Data and files"), "lang": ""},
    ]
    for other, spoken in others:
        if (other, spoken) == (report, tongue):
            continue
        if spoken == tongue:
            links.append({"href": f"{district}_{other}.html", "text": report_name(other), "lang": ""})
        elif other == report:
            text = {"zh": "\u4e2d\u6587", "en": "English"}[spoken]
            links.append({"href": f"../{spoken}/{district}_{other}.html", "text": text, "lang": TAGS[spoken]})
    return links


def report_name(report: str) -> str:
    """Name of a report in the current language."""
    return {
        "trend": _("Trend of new cases"),
        "evaluation": _("Evaluation of the surveillance projects"),
        "data_check": _("Data check"),
        "overview": _("Overview of the districts"),
    }.get(report, report)


def results(notebook: Any) -> list[dict[str, Any]]:
    """The Results that the outputs of an executed notebook carry, in order."""
    return [
        output["data"][MIME] for cell in notebook.cells for output in cell.get("outputs", []) if MIME in output.get("data", {})
    ]


def _csv(found: list[dict[str, Any]]) -> str:
    """All Estimates of a report as one table, the section in the first column."""
    rows = [{**row, "section": result["id"]} for result in found for row in result["estimates"]]
    there = dict.fromkeys(name for row in rows for name in row) or {"section": None}
    columns = [name for name in _FIRST if name in there] + [name for name in there if name not in _FIRST]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> object:
    """A cell of the table for download: years and counts without a decimal point, nothing that is taken for a formula."""
    if value is None:
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() else display.csv_cell(value)


# The frame of all pages ------------------------------------------------------------------------------------------------
@lru_cache(maxsize=2)
def style(font: str) -> str:
    """The style sheet, with the address of the font."""
    return (TEMPLATE / "style.css").read_text(encoding="utf-8").replace("FONT", font)


def words() -> dict[str, str]:
    """What every page says, in the current language."""
    return {
        "skip": _("Skip to the content"),
        "site": _("Site"),
        "downloads": _("Downloads:"),
        "place": _("Place"),
        "failed": _("This report could not be made. The other reports are not affected."),
    }


@lru_cache(maxsize=1)
def exporter() -> Any:
    """What makes a page of a notebook."""
    from nbconvert import HTMLExporter

    return HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATE)],
        extra_template_paths=[str(TEMPLATE)],
        exclude_anchor_links=True,
        default_preprocessors=[],  # the template takes finished outputs only
    )


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined)


def render(template: str, **page: Any) -> str:
    """A page that is no report."""
    return display.plain(_environment().get_template(template).render(page=page)) + "\n"
