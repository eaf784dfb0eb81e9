"""The loop from monitoring over enforcement to correction: how far each exceedance came, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .. import figures_places, indicators, wording
from ..language import _
from ..result import Result
from . import tables
from .common import section

if TYPE_CHECKING:
    from ..data import Data

STEPS = ("exceedance_inspected_rate", "exceedance_retested_rate", "exceedance_corrected_rate")
_DAYS = {"exceedance_inspected_rate": "days_exceedance_to_inspection", "exceedance_retested_rate": "days_exceedance_to_retest"}


def _words() -> dict[str, str]:
    return {
        "found": _("over a limit"),
        "exceedance_inspected_rate": _("inspected afterwards"),
        "exceedance_retested_rate": _("re-tested"),
        "exceedance_corrected_rate": _("corrected (re-test passed)"),
    }


def _steps(data: Data) -> pd.DataFrame:
    """Employers over a limit and at each step after it: `step`, `n`, `share`, `days` (median, NaN where it is not known)."""
    rows = tables.figures(data, list(STEPS))
    rows = rows[rows["note"] == ""]
    if rows.empty:
        return pd.DataFrame(columns=["step", "n", "share", "days"])
    told = [{"step": "found", "n": rows["denominator"].max(), "share": 100.0, "days": float("nan")}]
    for row in rows.to_dict("records"):
        days = tables.statistic(data, _DAYS.get(row["measure"], ""))
        told.append(
            {
                "step": row["measure"],
                "n": row["numerator"],
                "share": row["value"],
                "days": days["value"] if days else float("nan"),
            }
        )
    return pd.DataFrame(told)


@section
def loop(data: Data) -> Result:
    """Employers over a limit, inspected, re-tested, corrected, with the days between, and the same by township."""
    title = _("From exceedance to correction")
    steps = _steps(data)
    if steps.empty:
        why = _("No exceedance can be followed: it takes workplace_samples (with re-tests) and inspections, linked by employer.")
        return Result(id="loop", language=data.language, title=title, sentences=[why])
    words, found = _words(), steps.iloc[0]["n"]
    parts = [_("{n} {step}", n=wording.count(row["n"]), step=words[row["step"]]) for row in steps.iloc[1:].to_dict("records")]
    said = [_("{n} employers had a result over a limit: {steps}.", n=wording.count(found), steps=_(", ").join(parts))]
    for measure in _DAYS.values():
        days = tables.statistic(data, measure)
        if days is not None:
            said.append(
                _(
                    "{name}, where it took place: {days} days in the median (limits, 95%: {limits}).",
                    name={"days_exceedance_to_inspection": _("Exceedance to inspection")}.get(
                        measure, _("Exceedance to re-test")
                    ),
                    days=wording.decimal(days["value"], 0),
                    limits=wording.interval(days["lower"], days["upper"], 0),
                )
            )
    said.append(_("No table says when a result was passed on to enforcement: the inspection afterwards stands for it."))
    caption = _("Exceedances and what followed by township, {period}", period=wording.period(data.period))
    note = _(
        "Share (n / d; limits, 95%) of the employers over a limit. With few employers the limits are wide: no order of merit."
    )
    table, rows = tables.grouped(data, list(STEPS), "township", caption, note)
    if table is None:
        table = tables.listed(data, tables.figures(data, list(STEPS)), caption.split(_(", "))[0], note)
        rows = indicators.values(data, list(STEPS), str(data.period))
    return Result(id="loop", language=data.language, title=title, sentences=said, table=table, estimates=rows)


@section
def loop_figure(data: Data) -> Result:
    """The steps of the loop as bars, with the days between."""
    steps = _steps(data)
    if steps.empty:
        return Result(id="loop-figure", language=data.language)
    words = _words()
    steps["label"] = [words[step] for step in steps["step"]]
    days = [_("after {days} days (median)", days=wording.decimal(each, 0)) if not pd.isna(each) else "" for each in steps["days"]]
    steps["told"] = [
        _(", ").join(filter(None, [wording.count(row["n"]), wording.percent(row["share"], 0), text]))
        for row, text in zip(steps.to_dict("records"), days, strict=True)
    ]
    last = steps.iloc[-1]
    title = _(
        "{share} of the employers over a limit were {step}", share=wording.percent(last["share"], 0), step=words[last["step"]]
    )
    told = [_("{name}: {value}.", name=row["label"], value=row["told"]) for row in steps.to_dict("records")]
    alt = wording.alternative(title, told)
    figure = figures_places.flow(steps, name="loop", title=title, alt=alt)
    return Result(id="loop-figure", language=data.language, figure=figure)
