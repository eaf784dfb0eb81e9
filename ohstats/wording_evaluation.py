"""Figures against targets to words: gaps with their deadline, figures with their counts, the course of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from . import wording
from .language import _, ngettext
from .wording import DASH

if TYPE_CHECKING:
    from .evaluation import Plan


def gap_until(row: dict[str, Any], language: str) -> str:
    """What is missing to a target, until when, and how much of it each month before the deadline."""
    text = wording.gap(row, language)
    if pd.isna(row.get("pace")):
        return text
    return _("{gap} by the end of {year} ({pace} a month)", gap=text, year=row["deadline_year"], pace=wording.count(row["pace"]))


def figure(row: dict[str, Any]) -> str:
    """A figure in its unit: a percentage, a count, a ratio; a dash where there is none."""
    if pd.isna(row["value"]):
        return DASH
    if row["unit"] == "percent":
        return wording.percent(row["value"])
    return wording.count(row["value"]) if row["unit"] == "count" else f"{wording.decimal(row['value'])} {_per(row['unit'])}"


def _per(unit: str) -> str:
    return _("per {n}", n=unit.removeprefix("per "))


def counts(row: dict[str, Any]) -> str:
    """Numerator and denominator where the figure has both."""
    whole = pd.isna(row["value"]) or pd.isna(row["denominator"])
    return DASH if whole else wording.share_of(row["numerator"], row["denominator"])


def change(row: dict[str, Any]) -> str:
    """Change from the same period a year before: percentage points of a share, else units, with percent from a base of 10."""
    if pd.isna(row.get("change")):
        return DASH
    if row["unit"] == "percent":
        return wording.signed(row["change"])
    text = wording.signed(row["change"], 0)
    share = f" ({wording.signed(100 * row['change'] / row['before'])}%)" if row["before"] >= 10 else ""
    return text + share


def headline(counted: dict[str, int], name: str, period: str, told: Plan, *, midterm: bool = False) -> str:
    """How many targets are met, not met, cannot be judged."""
    n = sum(counted.values())
    values = {"place": name, "met": counted["met"], "not_met": counted["not_met"], "cannot": counted["cannot_judge"]}
    if told.final:
        return ngettext(
            "Final assessment {years}: of {n} target for {place}, {met} met, {not_met} not met, {cannot} cannot be judged.",
            "Final assessment {years}: of {n} targets for {place}, {met} met, {not_met} not met, {cannot} cannot be judged.",
            n,
            years=wording.years(told.first, told.last),
            **values,
        )
    if not n:
        return _("{period}: no target in force for {place}.", period=period, place=name)
    if midterm:
        return ngettext(
            "Midterm assessment {years}: of {n} target for {place}, {met} met, {not_met} not yet met, {cannot} cannot be judged.",
            "Midterm assessment {years}: of {n} targets for {place}, {met} met, {not_met} not yet met, "
            "{cannot} cannot be judged.",
            n,
            years=wording.years(told.first, told.last),
            **values,
        )
    return ngettext(
        "{n} target is in force for {place} in {period}: {met} met, {not_met} not met, {cannot} cannot be judged.",
        "{n} targets are in force for {place} in {period}: {met} met, {not_met} not met, {cannot} cannot be judged.",
        n,
        period=period,
        **values,
    )


def problem(row: dict[str, Any], language: str, name: str) -> str:
    """One problem as a sentence: the figure, the goal, what is missing."""
    share = row["unit"] == "percent"
    goal = wording.decimal(row["goal"], 0 if float(row["goal"]).is_integer() else 1) + ("%" if share else "")
    against = _("target {goal}", goal=goal) if row["is_target"] else _("default of this package {goal}", goal=goal)
    value = wording.explained(figure(row), counts(row)) if share else figure(row)
    missing = wording.gap(row, language)
    if missing == DASH:
        return _("{name}: {value}, {against}.", name=name, value=value, against=against)
    return _("{name}: {value}, {against}; {gap}.", name=name, value=value, against=against, gap=missing)
