"""The three actions: declaration, assistance to small employers, quality of institutions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy import stats

from .. import breakdowns, files, wording
from ..language import _
from ..paths import REFERENCE
from ..result import Result
from . import tables
from .common import section

if TYPE_CHECKING:
    from ..data import Data

PAIRS = 20
"""From so many pairs before and after a test is made."""
UNITS = 20
"""From so many institutions they are compared in a funnel plot."""
_DECLARED = [
    "hazard_declaration_rate",
    "hazard_declaration_rate_industrial",
    "hazard_declaration_rate_key",
    "declaration_complete_rate",
]
_ASSISTED = [
    *("sme_assisted_per_year", "sme_assisted_share", "sme_declaration_rate", "sme_testing_rate", "sme_exam_rate"),
    *("sme_training_rate", "sme_hazards_corrected", "blank_employers"),
]
_SERVICES = ("identification", "testing", "assessment", "engineering", "system", "training", "examination")
_PAIRS = [f"sme_pairs_{name}" for name in ("passing_before", "passing_after", "newly_passing", "newly_failing")]
_UNITS = ["institution_quality_rate", "technical_services", "exam_institutions", "diagnosis_institutions", "spot_check_accuracy"]


@lru_cache(maxsize=1)
def template() -> dict[str, Any]:
    """What the quality assessment of institutions scores (`reference/institution_score.yml`)."""
    told: dict[str, Any] = files.read_yaml(REFERENCE / "institution_score.yml")
    return told


@section
def action_declaration(data: Data) -> Result:
    """First action: declared employers of those on file, by size."""
    return _by_size(data, "action-declaration", _("First action: declaration of hazards"), _DECLARED)


def _by_size(data: Data, ident: str, title: str, ids: list[str]) -> Result:
    rows = tables.figures(data, ids)
    if rows.empty:
        return Result(id=ident, language=data.language, title=title, sentences=[tables.lacking(data, "employers")])
    said = [
        _("{name}: {value} ({counts}).", name=breakdowns.name_of_measure(data, row["measure"]), value=tables.value(row),
          counts=wording.share_of(row["numerator"], row["denominator"]))
        for row in rows[(rows["note"] == "") & rows["denominator"].notna()].to_dict("records")
    ]  # fmt: skip
    table, groups = tables.grouped(data, ids[:1], "size", _("By size of employer, {period}", period=wording.period(data.period)))
    table = table or tables.listed(data, rows, title)
    return Result(id=ident, language=data.language, title=title, sentences=said, table=table, estimates=pd.concat([rows, groups]))


@section
def action_assistance(data: Data) -> Result:
    """Second action: small employers assisted, the four rates among them, hidden hazards, blank employers."""
    title = _("Second action: assistance to small employers")
    rows = tables.figures(data, [*_ASSISTED, *(f"sme_service_{name}" for name in _SERVICES)])
    if rows.empty:
        return Result(
            id="action-assistance", language=data.language, title=title, sentences=[tables.lacking(data, "sme_assistance")]
        )
    note = _(
        "The four rates and the contents of assistance speak of those assisted only; an employer can get several. Blank: none "
        "of declaration, test, examination and training is known."
    )
    table = tables.listed(data, rows, _("Assistance, {period}", period=wording.period(data.period)), note)
    return Result(id="action-assistance", language=data.language, title=title, table=table, estimates=rows)


@section
def action_pairs(data: Data) -> Result:
    """Posts of assisted employers tested before and after; tested for a difference from 20 pairs on."""
    rows = tables.figures(data, _PAIRS)
    if rows.empty:
        return Result(id="action-pairs", language=data.language)
    said, n, known = [], 0, rows[rows["note"] == ""].set_index("measure")
    if {_PAIRS[2], _PAIRS[3]} <= set(known.index):
        better, worse = int(known.loc[_PAIRS[2], "numerator"]), int(known.loc[_PAIRS[3], "numerator"])
        n = int(known.loc[_PAIRS[2], "denominator"])
        said.append(
            _("{n} posts were tested before and after: {better} newly pass, {worse} newly fail.", n=n, better=better, worse=worse)
        )
        if n < PAIRS:
            said.append(_("Fewer than {n} pairs: they are shown, no test is made.", n=PAIRS))
        elif better + worse:
            p = stats.binomtest(better, better + worse).pvalue
            said.append(_("Exact McNemar test: p {p}.", p=_p(p)))
    change, rank = tables.statistic(data, "sme_pairs_change"), tables.statistic(data, "sme_pairs_wilcoxon")
    if change is not None:
        said.append(
            _(
                "Median change of the ratio to the limit: {value} (limits, 95%: {limits}).",
                value=wording.decimal(change["value"], 2),
                limits=wording.interval(change["lower"], change["upper"], 2),
            )
        )
        if rank is not None and n >= PAIRS:
            said.append(_("Wilcoxon signed-rank test: p {p}.", p=_p(rank["value"])))
    said.append(_("There is no control group, and posts are chosen: a change is no proof of an effect."))
    table = tables.listed(data, rows, _("Posts before and after the assistance"))
    return Result(
        id="action-pairs", language=data.language, title=_("Before and after the assistance"), level=3, sentences=said,
        table=table, estimates=rows,
    )  # fmt: skip


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


@section
def action_institutions(data: Data) -> Result:
    """Third action: institutions that pass the quality assessment, and the template that scores are read by."""
    title = _("Third action: quality of institutions")
    rows = tables.figures(data, _UNITS)
    if rows.empty:
        return Result(
            id="action-institutions", language=data.language, title=title, sentences=[tables.lacking(data, "institutions")]
        )
    quality = rows[(rows["measure"] == _UNITS[0]) & (rows["note"] == "")]
    said = []
    if len(quality) and quality["denominator"].iloc[0] < UNITS:
        said.append(
            _(
                "{n} institutions were assessed: too few for a funnel plot (from {least}) or an order; see the defects of each.",
                n=wording.count(quality["denominator"].iloc[0]),
                least=UNITS,
            )
        )
    score = tables.statistic(data, "institution_quality_score")
    if score is not None:
        said.append(_("Median score {value} (quartiles {low} to {high}).", value=wording.decimal(score["value"], 0),
                      low=wording.decimal(score["q1"], 0), high=wording.decimal(score["q3"], 0)))  # fmt: skip
    lines = [
        _("{part} ({weight}): {items}.", part=part[f"name_{data.language}"], weight=wording.percent(part["weight"], 0),
          items=_(", ").join(f"{item[data.language]} {item['points']}" for item in part["items"]))
        for part in template()["parts"]
    ]  # fmt: skip
    table = tables.listed(data, rows, _("Institutions, {period}", period=wording.period(data.period)))
    return Result(
        id="action-institutions", language=data.language, title=title, sentences=said, table=table, bullets=lines,
        estimates=rows[[name for name in rows if name != "hidden"]],
    )  # fmt: skip
