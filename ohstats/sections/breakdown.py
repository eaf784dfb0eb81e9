"""Figures of a surveillance project by hazard, industry, size and the like, as `reference/breakdowns.yml` declares."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import breakdowns, dimensions, evaluation, files, language, measured, reference, wording
from ..display import Table
from ..language import _
from ..paths import REFERENCE
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data

FEW = 10
"""Units below which a group is not called the lowest or highest."""


@lru_cache(maxsize=1)
def declared() -> dict[str, dict[str, Any]]:
    """What is broken down, by project."""
    told: dict[str, dict[str, Any]] = files.read_yaml(REFERENCE / "breakdowns.yml")
    return told


def by_groups(data: Data, code: str) -> Result:
    """Figures of a project by groups, each with its counts and limits; hidden ones are hidden.

    Parameters
    ----------
    data : Data
        What the report opened.
    code : str
        Project ("A" to "D") or table ("suspected") of `reference/breakdowns.yml`.
    """
    with language.use(data.language):
        return _by_groups(data, declared()[code], f"groups-{code.lower()}")


def _by_groups(data: Data, told: dict[str, Any], ident: str) -> Result:
    frames = [_frame(data, measure, dimension, told) for dimension in told["by"] for measure in told["measures"]]
    rows = pd.concat([each for each in frames if len(each)], ignore_index=True) if any(map(len, frames)) else pd.DataFrame()
    if rows.empty:
        return Result(id=ident, language=data.language)
    if rows["hidden"].all():
        return Result(id=ident, language=data.language, sentences=[_("By groups: no figure can be shown (small numbers).")])
    measures = [measure for measure in told["measures"] if (rows["measure"] == measure).any()]
    names = [breakdowns.name_of_measure(data, measure) for measure in measures]
    statistic = told.get("statistic", "")
    cells = []
    for (dimension, code), part in rows.groupby(["dimension", "code"], sort=False):
        each = {row["measure"]: row for row in part.to_dict("records")}
        first = next(iter(each.values()))
        shown = [_cell(each.get(measure)) for measure in measures]
        cells.append([first["name"], breakdowns.title(str(dimension), data.language), *shown])
        if statistic:
            cells[-1].append(_median(data, statistic, str(dimension), str(code), str(first["period"])))
    note = _(
        "Value, numerator / denominator, limits (95%). A star: hidden, for it is small or tells a small count. A dash: no "
        "figure, or not published by this group."
    )
    if told.get("monitored"):
        note += _(" It speaks of those monitored; limits allow for clustering in employers and need ten of them.")
    periods = _(", ").join(sorted(set(rows["period"])))
    header = [_("Group"), _("Classified by"), *names, *([_median_title(data, statistic)] if statistic else [])]
    table = Table(_("{name} by groups, {period}", name=names[0], period=periods), header, cells, note)
    return Result(
        id=ident, language=data.language, sentences=_extremes(data, rows), table=table,
        estimates=rows.drop(columns=["hidden", "name"]),
    )  # fmt: skip


def _frame(data: Data, measure: str, dimension: str, told: dict[str, Any]) -> pd.DataFrame:
    found = breakdowns.groups(data, measure, dimension).assign(measure=measure, dimension=dimension)
    if not told.get("monitored") or found.empty:
        return found
    limits = breakdowns.statistics(data, measure, dimension=dimension, period=str(found["period"].iloc[0])).set_index("code")
    for limit in ("lower", "upper"):
        found[limit] = found["code"].map(limits[limit]).where(~found["hidden"])
    return found.assign(method="clustered")


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return wording.DASH
    if row["hidden"]:
        return "*"
    if pd.isna(row["value"]):
        return wording.count(row["numerator"])
    limits = wording.interval(row["lower"], row["upper"])
    counted = wording.share_of(row["numerator"], row["denominator"])
    inside = counted if limits == wording.DASH else _("{counts}; {limits}", counts=counted, limits=limits)
    return wording.explained(wording.percent(row["value"]), inside)


def _median(data: Data, statistic: str, dimension: str, code: str, period: str) -> str:
    found = breakdowns.statistics(data, statistic, dimension=dimension, period=period)
    mine = found[(found["code"] == code)]
    if mine.empty:
        return wording.DASH
    row = mine.iloc[0]
    return "*" if row["hidden"] else wording.decimal(row["value"], 2)


def _median_title(data: Data, statistic: str) -> str:
    told = measured.declared()[statistic]
    name = reference.name_of(told, data.language)
    named = name if told["unit"] in ("ratio", "percent") else wording.explained(name, str(told["unit"]))
    return _("median: {name}", name=named)


def _extremes(data: Data, rows: pd.DataFrame) -> list[str]:
    """Lowest and highest group of the first share that is shown in each dimension, among those that are large enough."""
    said = []
    named = data.indicators.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")["measure"]
    shares = rows["measure"].map(named).isin(["proportion", "ratio"]) & (rows["code"] != dimensions.UNKNOWN)
    mine = rows[shares & ~rows["hidden"] & rows["value"].notna() & (rows["denominator"] >= FEW)]
    for dimension, there in mine.groupby("dimension", sort=False):
        part = there[there["measure"] == there["measure"].iloc[0]]
        if part["value"].nunique() < 2:
            continue
        low, high = part.loc[part["value"].idxmin()], part.loc[part["value"].idxmax()]
        hidden = rows[(rows["dimension"] == dimension) & (rows["measure"] == low["measure"])]["hidden"].any()
        words = (
            _("{name}, by {dimension}, of the groups shown: lowest {low} ({low_value}), highest {high} ({high_value}).")
            if hidden
            else _("{name}, by {dimension}: lowest {low} ({low_value}), highest {high} ({high_value}).")
        )
        told = words.format(
            name=breakdowns.name_of_measure(data, low["measure"]), dimension=breakdowns.title(str(dimension), data.language),
            low=low["name"], low_value=wording.percent(low["value"]), high=high["name"],
            high_value=wording.percent(high["value"]),
        )  # fmt: skip
        if pd.isna(low["upper"]) or pd.isna(high["lower"]):
            judged = _("Without limits of both they are not compared.")
        else:
            judged = "" if low["upper"] < high["lower"] else _("Their limits do not tell them apart.")
        said.append(wording.sentences([told, judged]))
    return said


@section
def pass_rate_change(data: Data) -> Result:
    """The pass rate of points against the year before, with the mix of factor, industry and size held fixed."""
    result = Result(id="pass-rate-change", language=data.language)
    told = evaluation.period_of(data)
    rows = breakdowns.statistics(data, "workplace_pass_rate_change", period=told)
    if rows.empty or rows["value"].isna().all():
        measured = breakdowns.statistics(data, "workplace_monitoring_pass_rate", period=told)
        said = [
            _(
                "Pass rates are not compared with the year before: that takes workplace_samples of both years with groups in "
                "common."
            )
        ]
        return replace(result, sentences=said) if len(measured) else result
    row = rows.iloc[0]
    said = [
        _(
            "With the mix of hazard factor, industry and size held fixed, the pass rate of the points monitored went from "
            "{before} to {now}: {change} percentage points ({limits}).",
            before=wording.percent(row["q1"]), now=wording.percent(row["q3"]), change=wording.signed(row["value"]),
            limits=wording.interval(row["lower"], row["upper"]),
        )
    ]  # fmt: skip
    if not (row["lower"] > 0 or row["upper"] < 0):
        said.append(_("Whether it changed cannot be told from these points."))
    said.append(_("{share} of the points of both years lie in groups that were measured in both.",
                  share=wording.percent(100 * row["numerator"] / row["denominator"], 0)))  # fmt: skip
    return replace(result, sentences=said, estimates=rows.drop(columns="hidden"))
