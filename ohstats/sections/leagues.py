"""Sections of the overview that compare: funnel plots, smoothed values with the limits of their ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import districts, figures_places, wording
from ..display import Table
from ..language import _
from ..result import Result
from .common import section
from .overview import empty, listed, name_of

if TYPE_CHECKING:
    from ..data import Data

DRAWN = 40  # places in one figure


def _few(data: Data, name: str, title: str) -> Result:
    return empty(data, name, title, _("Fewer than {n} places have a figure: nothing is compared.", n=districts.FEW))


@section
def funnel_figure(data: Data) -> Result:
    """Funnel plots of the shares that `reference/overview.yml` names."""
    rows = districts.funnels(data)
    title = _("How far chance reaches: funnel plots")
    chosen = [measure for measure in districts.declared()["funnels"] if len(rows) and (rows["measure"] == measure).any()][:3]
    if not chosen:
        return _few(data, "funnel-figure", title)
    panels = [(name_of(data, measure), rows[rows["measure"] == measure]) for measure in chosen]
    beyond = sum(int(part["position"].isin(["low", "high"]).sum()) for _heading, part in panels)
    points = sum(len(part) for _heading, part in panels)
    heading = _("{n} of {all} points lie beyond the limits (99.8%)", n=beyond, all=points)
    alt = wording.alternative(heading, (_funnel_alt(name, part) for name, part in panels))
    figure = figures_places.funnels(panels, districts.control, name="funnels", title=heading, alt=alt)
    return Result(id="funnel-figure", language=data.language, figure=figure)


def _funnel_alt(heading: str, rows: pd.DataFrame) -> str:
    far = rows[rows["position"] != "within"]
    names = [_("{place} {value}", place=row["place_name"], value=wording.percent(row["value"])) for row in far.to_dict("records")]
    told = listed(names) if names else _("none")
    return _("{name}: all places {average}; beyond the limits (95%): {names}.", name=heading,
             average=wording.percent(rows["average"].iloc[0]), names=told)  # fmt: skip


@section
def funnel_table(data: Data) -> Result:
    """All shares: the value of all districts together, and who lies beyond the control limits."""
    rows = districts.funnels(data)
    title = _("Who lies beyond the control limits")
    if rows.empty:
        return _few(data, "funnels", title)
    cells, every = [], rows["measure"].nunique()
    far = set(rows.loc[rows["position"] != "within", "measure"])
    for measure, part in rows[rows["measure"].isin(far)].groupby("measure", sort=False):
        names = {
            side: part.loc[part["position"] == side, "place_name"].tolist()
            for side in ("low", "rather low", "rather high", "high")
        }
        cells.append(
            [
                name_of(data, str(measure)),
                wording.percent(part["average"].iloc[0]),
                str(len(part)),
                *(listed(each) or wording.DASH for each in names.values()),
                wording.decimal(part["phi"].iloc[0]),
            ]
        )
    table = Table(
        _("Districts against the value of all districts, {period}", period=wording.period(data.period)),
        [
            _("Indicator"), _("All districts"), _("Districts"), _("low (99.8%)"), _("rather low (95%)"), _("rather high (95%)"),
            _("high (99.8%)"), _("Spread"),
        ],
        cells,
        _(
            "Limits around the value of all districts at each district's size. Spread: variance of the districts over that of "
            "chance; well above 1 the districts differ throughout, and single ones mean little. Not a comparison with a target."
        ),
        numeric=(1, 2, 7),
    )  # fmt: skip
    beyond = int((rows["position"] != "within").sum())
    said = [
        _(
            "{n} of {all} indicators have a district beyond the limits (95%); the others stand in the download.",
            n=len(far),
            all=every,
        ),
        _(
            "Of {all} comparisons {n} lie beyond the limits (95%); about {chance} would by chance alone.",
            all=len(rows), n=beyond, chance=wording.count(round(0.05 * len(rows))),
        ),
    ]  # fmt: skip
    kept = rows.drop(columns="place_name")
    shown = table if cells else None
    return Result(id="funnels", language=data.language, title=title, sentences=said, table=shown, estimates=kept)


def _titles(data: Data, name: str) -> tuple[str, str]:
    """Title of a league and what must be known before reading it."""
    if name == "points":
        said = _(
            "Points cluster in employers and are no random sample: the intervals are too narrow, and speak of those monitored."
        )
        return _("Not passing: {name}", name=name_of(data, districts.declared()["leagues"]["points"]["measure"])), said
    window = districts.cases(data).iloc[0]
    years = wording.years(window["first_year"], window["last_year"])
    people = districts.at_risk(data)[0].endswith("population")
    per = _("inhabitant of the latest year") if people else _("declared exposed worker of the latest year")
    said = _("Reported cases per {per} are no incidence: they follow exposure of long ago, examinations and reporting.", per=per)
    return _("New cases of {years} per {per}", per=per, years=years), said


@section
def league_cases(data: Data) -> Result:
    """New cases per worker at risk, drawn towards the mean of the districts, with rank intervals."""
    return _league(data, "cases")


@section
def league_cases_figure(data: Data) -> Result:
    """The same as a figure."""
    return _league_figure(data, "cases")


@section
def league_points(data: Data) -> Result:
    """Share of measured points over a limit, drawn towards the mean of the districts, with rank intervals."""
    return _league(data, "points")


@section
def league_points_figure(data: Data) -> Result:
    """The same as a figure."""
    return _league_figure(data, "points")


def _league_figure(data: Data, name: str) -> Result:
    rows = districts.league(data, name)
    found = f"league-{name}-figure"
    if rows.empty:
        return Result(id=found, language=data.language)
    known = rows[rows["value"].notna()]
    drawn = known if len(known) <= DRAWN else pd.concat([known.head(DRAWN // 2), known.tail(DRAWN // 2)])
    drawn = drawn.assign(label=[f"{row['place_name']}  {_rank(row)}" for row in drawn.to_dict("records")])
    first, last = drawn.iloc[0], drawn.iloc[-1]
    ends = {"low": wording.decimal(last["value"], 2), "high": wording.decimal(first["value"], 2)}
    heading = _("{title}: from {low} to {high} times all districts", title=_titles(data, name)[0], **ends)
    told = [
        _("{label}: {value}.", label=row["label"], value=wording.decimal(row["value"], 2)) for row in drawn.to_dict("records")
    ]
    figure = figures_places.league(drawn, name=found, title=heading, alt=wording.alternative(heading, told))
    return Result(id=found, language=data.language, figure=figure)


def _league(data: Data, name: str) -> Result:
    rows, found = districts.league(data, name), f"league-{name}"
    title, caution = _titles(data, name)
    if rows.empty:
        return _few(data, found, title)
    known = rows[rows["value"].notna()]
    said = [
        _(
            "Do not over-read the order: a rank stands with the limits (95%) that chance leaves it; where these overlap the "
            "districts cannot be put in order."
        ),
        caution,
    ]
    if len(known) < districts.ENOUGH:
        said.append(_("With figures of {n} districts, how much they differ is itself poorly known.", n=len(known)))
    if note := next((text for text in known["note"] if text), ""):
        said.append(wording.reason(note))
    kept = rows.drop(columns=["place_name", "population", "hidden"])
    table = _league_table(rows)
    return Result(id=found, language=data.language, title=title, sentences=said, table=table, estimates=kept)


def _rank(row: dict[str, Any]) -> str:
    return _("rank {rank} ({lower} to {upper})", rank=wording.count(row["rank"]), lower=wording.count(row["rank_lower"]),
             upper=wording.count(row["rank_upper"]))  # fmt: skip


def _league_table(rows: pd.DataFrame) -> Table:
    cells = [
        [
            row["place_name"],
            wording.share_of(row["numerator"], row["population"]) if not pd.isna(row["value"]) else _absent(row),
            wording.decimal(row["raw"], 2),
            wording.decimal(row["value"], 2),
            wording.interval(row["lower"], row["upper"], 2),
            _rank(row) if not pd.isna(row["rank"]) else wording.DASH,
        ]
        for row in rows.to_dict("records")
    ]
    return Table(
        _("Smoothed values and ranks (1: the highest)"),
        [_("District"), _("n / d"), _("Own value"), _("Smoothed"), _("Limits (95%)"), _("Rank")],
        cells,
        _(
            "Values relative to all districts together (1). Smoothed: empirical Bayes (Poisson-gamma, Clayton and Kaldor), "
            "drawn to the mean of the districts the more, the fewer the numbers. Ranks: medians of {draws} draws from the "
            "posterior, so places can share a rank or skip one; seed {seed}.",
            draws=wording.count(districts.DRAWS),
            seed=districts.SEED,
        ),
        numeric=(1, 2, 3, 4),
    )


def _absent(row: dict[str, Any]) -> str:
    return _("not shown (small numbers)") if row["hidden"] else _("no figure")
