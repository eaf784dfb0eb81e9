"""Duties of employers and supervision by township and risk, patients and their insurances, and the quality of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from .. import breakdowns, wording
from ..display import Table
from ..language import _, ngettext
from ..result import Result
from . import tables
from .common import section

if TYPE_CHECKING:
    from ..data import Data

DUTIES = ["duty_declared", "duty_tested", "duty_examined", "duty_trained", "duty_insured", "duty_all"]
_SUPERVISED = ["supervision_coverage", "double_random_completion", "random_problem_rate", "problem_rate", "correction_rate"]
_PATIENTS = [
    *("patient_follow_up_rate", "patients_treated", "eligible_patient_assistance_rate", "patients_insured"),
    "pneumoconiosis_rehab_township_coverage",
]
SEED = 20251231
"""Seed of the sample of the quality spot check."""


def _section(data: Data, ident: str, title: str, ids: list[str], table: str, note: str = "") -> Result:
    rows = tables.figures(data, ids)
    if rows.empty:
        why = tables.lacking(data, table)
        return Result(id=ident, language=data.language, title=title, sentences=[why])
    caption = _("{title}, {period}", title=title, period=wording.period(data.period))
    return Result(id=ident, language=data.language, title=title, table=tables.listed(data, rows, caption, note), estimates=rows)


def _groups(data: Data, ident: str, ids: list[str], dimension: str, caption: str, note: str) -> Result:
    table, rows = tables.grouped(data, ids, dimension, caption, note)
    return Result(id=ident, language=data.language, table=table, estimates=rows)


@section
def duties(data: Data) -> Result:
    """Five duties of employers: the share that fulfils each, and all of them."""
    note = _("Of employers on file with a known answer; not known is neither done nor failed. No sum of the duties is formed.")
    return _section(data, "duties", _("Duties of employers"), DUTIES, "employers", note)


@section
def duties_townships(data: Data) -> Result:
    """The same by township, with the limits of each."""
    caption = _("Duties of employers by township")
    note = _("Share (n / d; limits, 95%). Townships stand by size: where limits overlap they cannot be put in order.")
    return _groups(data, "duties-townships", DUTIES[:5], "township", caption, note)


@section
def supervision(data: Data) -> Result:
    """Reach of supervision, double-random checks, problems found and corrected."""
    note = _("Problem rates depend on whom one visits: those of random checks can be compared, others cannot.")
    return _section(data, "supervision", _("Supervision"), _SUPERVISED, "inspections", note)


@section
def supervision_risk(data: Data) -> Result:
    """Graded supervision: employers inspected by risk class."""
    caption = _("Employers inspected by risk class")
    note = _("Graded supervision means that the share rises with the risk; where limits overlap, whether it does cannot be told.")
    return _groups(data, "supervision-risk", ["supervision_coverage"], "risk", caption, note)


@section
def patients(data: Data) -> Result:
    """Follow-up, treatment, aid and insurance of patients."""
    note = _("Patients on the register of follow-up, by residence, as of their last visit; others are not in the denominator.")
    return _section(data, "patients", _("Patients: follow-up, aid, insurance"), _PATIENTS, "follow_up", note)


@section
def patients_insurance(data: Data) -> Result:
    """Who pays for the patients on the register: how many have each insurance, and how many have none."""
    result = Result(id="patients-insurance", language=data.language)
    rows = breakdowns.groups(data, "patients_registered", "insurance")
    if rows.empty or not rows["numerator"].gt(0).any():
        return result
    table, kept = tables.grouped(
        data, ["patients_registered"], "insurance",
        _("Patients by insurance, {period}", period=wording.period_of(rows["period"].iloc[0])),
        _("Share of all patients on the register (n / d; limits, 95%). The insurance of the last visit; who pays a bill is "
          "decided case by case."),
    )  # fmt: skip
    without = rows[(rows["code"] == "none") & rows["value"].notna()].to_dict("records")
    said = [
        _("Of {d} patients on the register {n} have no insurance: {value} ({limits}).", d=wording.count(row["denominator"]),
          n=wording.count(row["numerator"]), value=wording.percent(row["value"]),
          limits=wording.interval(row["lower"], row["upper"]))
        for row in without
    ]  # fmt: skip
    return replace(result, sentences=said, table=table, estimates=kept)


def _headings() -> dict[str, tuple[str, list[str]]]:
    return {
        "completeness": (_("Completeness of reporting"), [
            "diagnosis_institution_reporting_rate", "exam_institution_reporting_rate", "card_completeness",
            "exam_card_upload_rate", "declaration_complete_rate", "missed_report_rate", "zero_report_share",
        ]),
        "timeliness": (_("Timeliness"), ["case_report_timeliness", "complaints_in_time"]),
        "internal": (_("Internal consistency"), ["card_consistency", "returned_card_rate"]),
        "external": (_("Agreement with other sources"), ["exam_card_upload_rate"]),
        "accuracy": (_("Accuracy in the spot check"), ["spot_check_accuracy", "declaration_accuracy", "laboratory_quality_rate"]),
    }  # fmt: skip


@section
def data_quality(data: Data) -> Result:
    """Quality of the data under the headings of the WHO data quality review."""
    title = _("Quality of the data")
    cells, kept = [], []
    for heading, ids in _headings().values():
        rows = tables.figures(data, ids)
        kept.append(rows)
        cells += [[heading, *row] for row in getattr(tables.listed(data, rows, title), "rows", [])]
        if rows.empty:
            cells.append([heading, _("no figure"), wording.DASH, wording.DASH, wording.DASH])
    line, agreement = _denominators(data)
    cells.append(line)
    note = _(
        "Headings of the WHO data quality review. Cards are cases: small numbers of them are not shown either. Exposed workers: "
        "those declared over those of the population figures; 0.9 to 1.1 is held to agree."
    )
    header = [_("Heading"), _("Indicator"), _("Value"), _("n / d"), _("Limits (95%)")]
    table = Table(_("{title}, {period}", title=title, period=wording.period(data.period)), header, cells, note, numeric=(2, 3, 4))
    rows = pd.concat([*kept, agreement], ignore_index=True).drop_duplicates("measure")
    return Result(id="data-quality", language=data.language, title=title, table=table, estimates=rows)


def _denominators(data: Data) -> tuple[list[str], pd.DataFrame]:
    """Exposed workers as declared over those of the population figures: a line of the table and its Estimate."""
    heading = _("Denominators of population")
    declared, entered = (_shown(data, name) for name in ("exposed_workers", "denominator_exposed_workers"))
    if pd.isna(declared) or pd.isna(entered) or entered == 0:
        return [heading, _("no figure"), wording.DASH, wording.DASH, wording.DASH], pd.DataFrame()
    ratio = declared / entered
    row = {"measure": "denominator_agreement", "value": ratio, "numerator": declared, "denominator": entered,
           "unit": "ratio", "method": "ratio", "note": ""}  # fmt: skip
    name, counts = breakdowns.name_of_measure(data, "exposed_workers"), wording.share_of(declared, entered)
    return [heading, name, wording.decimal(ratio, 2), counts, wording.DASH], pd.DataFrame([row])


def _shown(data: Data, measure: str) -> float:
    """The count of the period, NaN where there is none or it is hidden."""
    rows = data.of(measure)
    rows = rows[(rows["period"] == str(data.period)) & (rows["group"] == "") & ~rows["hidden"]]
    return float(rows["numerator"].iloc[0]) if len(rows) else float("nan")


@section
def spot_check(data: Data) -> Result:
    """How the quality spot check is drawn; the records to check stand in the worklists of the internal edition."""
    rows = tables.figures(data, ["spot_check_accuracy"])
    lines = [
        _("Draw {share} of the cards of each institution, at least {n}, by disease group in proportion (seed {seed}).",
          share="5%", n=30, seed=SEED),
        _("Two readers compare each field with the source document without seeing each other's result."),
        _("Accuracy: equal fields of those checked, with Wilson limits; agreement of the readers: kappa for coded fields."),
    ]  # fmt: skip
    known = rows[rows["note"] == ""].to_dict("records")
    said = [
        _("Accuracy {value} ({counts}; limits, 95%: {limits}).", value=wording.percent(row["value"]),
          counts=wording.share_of(row["numerator"], row["denominator"]), limits=wording.interval(row["lower"], row["upper"]))
        for row in known
    ]  # fmt: skip
    said = said or [_("No result of a spot check is at hand: enter it as spot_check_accuracy in indicator_values.")]
    sampled = data.lists.get("spot_check_sample")
    if sampled is not None and len(sampled):
        said.append(
            ngettext(
                "{n} card is drawn for the next check; it stands in the worklists.",
                "{n} cards are drawn for the next check; they stand in the worklists.",
                len(sampled),
            )
        )
    return Result(
        id="spot-check",
        language=data.language,
        title=_("Quality spot check"),
        level=3,
        sentences=said,
        bullets=lines,
        estimates=rows,
    )
