"""Pages to a published site: joined with an index and a page on the data, checked by the gate, then swapped in whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import __version__, apart, data, disclosure, files, gate, language, notes, pages, paths, plan, wording, workbooks
from .errors import Fault, NotPublishable, OhstatsError
from .language import _
from .pages import FONT, TAGS, report_name
from .paths import TEMPLATE

_MOST = 50  # findings that are listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .dataset import Dataset
    from .paths import Workspace
    from .plan import Outcome


def build(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace, edition: str) -> Path:
    """Make the site of an edition from executed notebooks and put it in place of the old one.

    Pages that were made before from the same notebooks are taken as they are.

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
    if old.exists() and not target.exists():  # killed between the two renames
        old.rename(target)
    shutil.rmtree(new, ignore_errors=True)
    try:
        _reports(outcomes, datasets, workspace, new)
        _index(outcomes, datasets, new, edition)
        _about(outcomes, datasets, workspace, new, edition)
        _assets(new)
        _check(new, datasets, workspace, edition)
        _place_notes(outcomes, workspace, new, edition)
        if edition == "public":
            _hold_back_leaks(outcomes, datasets, workspace)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if edition == "public":
        _enter(outcomes, datasets, workspace)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target / "index.html"


def _reports(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace, folder: Path) -> None:
    """The page of each report with its downloads."""
    others: dict[str, list[tuple[str, str]]] = defaultdict(list)
    there: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for outcome in outcomes:
        others[outcome.district].append((outcome.report, outcome.language))
        there[outcome.language].setdefault(outcome.report, set()).add(outcome.district)
    by_id = {chosen.id: chosen for chosen in datasets}
    for outcome in outcomes:
        about = outcome.district, outcome.report, outcome.language, others[outcome.district]
        if outcome.error:
            with language.use(outcome.language):
                marks = _marks(by_id[outcome.dataset], outcome.edition)
            pages.failed(folder / outcome.language, *about, marks=marks)
            continue
        made = workspace.pages(outcome.dataset, outcome.edition) / outcome.language
        chosen = by_id[outcome.dataset]
        above = plan.above(outcome.district, outcome.report, chosen, there[outcome.language])
        pages.make(
            Path(outcome.output), made, *about,
            edition=outcome.edition, period=outcome.period, above=above, rules=plan.rules(chosen),
        )  # fmt: skip
        for kind in pages.KINDS:
            _link(made / f"{outcome.district}_{outcome.report}{kind}", folder / outcome.language)
        if outcome.edition == "internal":
            found = (files.read_json(made / f"{outcome.district}_{outcome.report}.json") or {}).get("results", [])
            workbooks.write(found, folder / outcome.language, f"{outcome.district}_{outcome.report}")


def _link(path: Path, folder: Path) -> None:
    """The same file under another name, where the system can do that; both are only ever replaced, never written into."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, folder / path.name)
    except OSError:
        shutil.copyfile(path, folder / path.name)


def _hold_back_leaks(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace) -> None:
    """Refuse figures from which, with all that was published before, a small count can be told."""
    passed, key = workspace.work / "leaks.json", _looked_at(outcomes, datasets, workspace)
    if (files.read_json(passed) or {}).get("key") == key:
        return
    faults = apart.call(_leaks, outcomes, datasets, workspace, size=_size(datasets))
    if faults:
        remedy = Fault(
            "What can be done: run ohstats run --force; publish data sets of the same places one after the other; raise "
            "'disclosure: threshold' or set 'block_years: 5' in dataset.yml; enter what others have published already in "
            "known_figures.csv; where the owner may publish yearly totals, declare it under 'disclosure: yearly_total'."
        )
        raise NotPublishable("Nothing was published: {n} findings.", n=len(faults), faults=[*faults[:_MOST], remedy])
    files.write_json({"key": key}, passed)


def _leaks(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace) -> list[Fault]:
    faults, before = [], disclosure.read_register(workspace)
    for chosen in datasets:
        proposal = files.read_parquet(workspace.protected(chosen.id, "public") / "proposal.parquet")
        proposal = proposal[_published(proposal["place"], outcomes, chosen)]
        if not chosen.exempt:
            exact = data.exact(chosen, workspace)
            if exact is None:
                raise OhstatsError("The data of {names} changed since the last run. Run: ohstats run", names=chosen.id)
            for leak in disclosure.leaks(exact, chosen, before, proposal):
                told = {"code": leak.place, "figure": leak.figure, "period": leak.period}
                faults.append(
                    Fault("{code}: a small count is shown: {figure}, {period}", **told)
                    if leak.shown
                    else Fault("{code}: a small count can be told from what is shown: {figure}, {period}", **told)
                )
        before = pd.concat([before, proposal], ignore_index=True)  # the next data set of the same site is read beside it
    return faults


def _enter(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace) -> None:
    """Enter what is published now into the register, unless it stands there already."""
    entered = workspace.work / "entered.json"
    if (files.read_json(entered) or {}).get("key") == _looked_at(outcomes, datasets, workspace):
        return
    with data.appending(datasets, workspace, "public"):
        apart.call(_append, outcomes, datasets, workspace, size=_size(datasets))
    files.write_json({"key": _looked_at(outcomes, datasets, workspace)}, entered)


def _append(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace) -> None:
    for chosen in datasets:
        proposal = files.read_parquet(workspace.protected(chosen.id, "public") / "proposal.parquet")
        disclosure.append_register(proposal[_published(proposal["place"], outcomes, chosen)], workspace)


def _size(datasets: list[Dataset]) -> int:
    return sum(each.size for each in datasets)


def _looked_at(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace) -> str:
    """Digest of what the look for leaks reads: data, package, libraries, register, what is shown and of which places."""
    read = []
    for chosen in datasets:
        path = workspace.protected(chosen.id, "public") / "proposal.parquet"
        shown = sorted(each.district for each in outcomes if each.dataset == chosen.id and not each.error)
        read.append([data.inputs(chosen, workspace, "public"), hashlib.sha256(path.read_bytes()).hexdigest(), shown])
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def _check(folder: Path, datasets: list[Dataset], workspace: Workspace, edition: str) -> None:
    """Let the gate read the folder; it remembers which contents it let pass."""
    secrets = (str(workspace.root),)
    read = [paths.package_digest(), secrets, gate.local(), edition, [chosen.hash for chosen in datasets]]
    by = hashlib.sha256(json.dumps(read).encode()).hexdigest()
    wanted = gate.collect(*(chosen.folder for chosen in datasets))
    memory = workspace.work / f"gate-{edition}.json"
    told = files.read_json(memory) or {}
    before = set(told["passed"]) if told.get("by") == by else set()
    passed = gate.check(folder, secrets=secrets, passed=before, wanted=wanted, edition=edition)
    files.private(memory.parent)
    files.write_json({"by": by, "passed": sorted(passed)}, memory)


def _place_notes(outcomes: list[Outcome], workspace: Workspace, folder: Path, edition: str) -> None:
    """Refuse a note on a section that its page does not have: it would be lost without a word."""
    written, faults = notes.find(workspace, edition), []
    for outcome in outcomes:
        path = written.get((outcome.report, outcome.district, outcome.period, outcome.language))
        page = path and files.read_json(folder / outcome.language / f"{outcome.district}_{outcome.report}.json")
        if path and page:
            there = [result["id"] for result in page["results"] if not result["figure"]]
            name, known = "/".join(path.parts[-3:]), ", ".join(there)
            faults += [
                Fault(
                    "{file}: the page has no section '{section}' for a note. There are: {known}",
                    file=name,
                    section=each,
                    known=known,
                )
                for each in notes.unplaced(path, there)
            ]
    if faults:
        raise NotPublishable("Nothing was published: {n} findings.", n=len(faults), faults=faults)


def _published(places: pd.Series[str], outcomes: list[Outcome], chosen: Dataset) -> pd.Series[bool]:
    """Places with a published report; figures of places that have none (context) stand in any report."""
    made = {outcome.district for outcome in outcomes if outcome.dataset == chosen.id and not outcome.error}
    made |= {below for code in made for below in chosen.below.get(code, ())}  # an overview shows them
    return places.isin(made | (set(places) - set(chosen.reported) if made else set()))


def _marks(chosen: Dataset, edition: str) -> list[str]:
    """What must be known before reading anything of a data set, in the current language."""
    said = [_("Internal material: exact counts, not for publication.")] if edition == "internal" else []
    return [*said, _("Synthetic data: invented places, no figure is real")] if chosen.synthetic else said


def _assets(folder: Path) -> None:
    for name in (FONT, "OFL.txt"):
        files.write_bytes((TEMPLATE / "assets" / name).read_bytes(), folder / "assets" / name)


def _about(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace, folder: Path, edition: str) -> None:
    """The page on the data: what each data set is, its files and what became of their rows."""
    made = list(dict.fromkeys(outcome.language for outcome in outcomes))
    with language.use(made[0]):
        page = pages.render(
            "data.html.j2",
            tag=TAGS[made[0]],
            style=pages.style(f"assets/{FONT}"),
            words=pages.words(),
            links=[{"href": "index.html", "text": _("All reports"), "lang": ""}],
            downloads=[],
            foot=[],
            title=_("Data and files"),
            titles=_each(made, lambda: _("Data and files")),
            heads=[_("File"), _("Rows"), _("clean"), _("in quarantine"), "SHA-256"],
            groups=[_described(chosen, workspace, edition, made) for chosen in datasets],
        )
    files.write_text(page, folder / "data.html")


def _described(chosen: Dataset, workspace: Workspace, edition: str, made: list[str]) -> dict[str, Any]:
    protection = files.read_json(workspace.protected(chosen.id, edition) / data.PROTECT) or {}
    cleaned = files.read_json(workspace.clean(chosen.id) / data.CLEAN) or {}
    hidden = _("{hidden} of {figures} figures, rules {rules}", **protection) if protection else wording.DASH
    told = edition == "internal" or chosen.exempt or chosen.synthetic
    rows = []
    for path in (
        sorted(path for path in chosen.folder.rglob("*") if path.is_file() and not path.name.startswith(".")) if told else ()
    ):
        n = cleaned.get("rows", {}).get(path.name, {})
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        numbers = [str(n.get(name, wording.DASH)) for name in ("in", "clean", "quarantined")]
        rows.append([path.relative_to(chosen.folder).as_posix(), *numbers, digest])
    return {
        "id": chosen.id,
        "titles": [{"lang": TAGS[each], "text": chosen.titles[each]} for each in made],
        "badges": _badges(chosen, edition, made),
        "facts": [
            (_("Publisher"), chosen.publishers[made[0]] or wording.DASH),
            (_("Data date"), chosen.data_date or wording.DASH),
            (_("Edition"), _("public") if edition == "public" else _("internal")),
            (_("Hidden"), hidden),
            (_("Software"), f"ohstats {__version__}"),
        ],
        "rows": rows,
        "note": "" if told else _("Digests and numbers of rows are not published: hidden counts could be found from them."),
    }


def _index(outcomes: list[Outcome], datasets: list[Dataset], folder: Path, edition: str) -> None:
    """The front page: every place with its reports, in the languages that were made."""
    made = list(dict.fromkeys(outcome.language for outcome in outcomes))
    first = made[0]
    with language.use(first):
        groups = [_group(chosen, outcomes, made, edition) for chosen in datasets]
        page = pages.render(
            "index.html.j2",
            tag=TAGS[first],
            style=pages.style(f"assets/{FONT}"),
            words=pages.words(),
            links=[{"href": "data.html", "text": _("Data and files"), "lang": ""}],
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
            said.append({"lang": TAGS[each], "text": say()})
    return said


def _group(chosen: Dataset, outcomes: list[Outcome], made: list[str], edition: str) -> dict[str, Any]:
    mine = [outcome for outcome in outcomes if outcome.dataset == chosen.id]
    reports = list(dict.fromkeys(outcome.report for outcome in mine))
    by = {(outcome.district, outcome.report, outcome.language): outcome for outcome in mine}
    rows, there = [], {outcome.district for outcome in mine}
    for place in chosen.places.to_dict("records"):
        if place["code"] not in there:
            continue
        cells = [
            [
                {
                    "href": f"{each}/{place['code']}_{report}.html",
                    "lang": TAGS[each],
                    "failed": _("failed") if outcome.error else "",
                    "text": _named(each, report),
                }
                for each in made
                if (outcome := by.get((place["code"], report, each)))
            ]
            for report in reports
        ]
        names = [{"lang": TAGS[each], "text": str(place[f"name_{each}"])} for each in made]
        rows.append({"code": place["code"], "names": names, "cells": cells})
    return {
        "id": chosen.id,
        "titles": [{"lang": TAGS[each], "text": chosen.titles[each]} for each in made],
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
            said += [{"lang": TAGS[each], "text": mark} for mark in _marks(chosen, edition)]
    return said


def _named(each: str, report: str) -> str:
    with language.use(each):
        return report_name(report)
