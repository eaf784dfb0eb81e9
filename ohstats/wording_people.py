"""Sentences about who fell ill, where, after how much exposure, and what became of suspected cases and patients."""

from __future__ import annotations

from typing import Any

from .language import _, ngettext
from .wording import count, decimal, interval, percent, verdict, years


def short(row: dict[str, Any]) -> list[str]:
    """Share of short exposure in the latest period, with both denominators where the exposure is told."""
    span = years(row["first_year"], row["last_year"])
    if row["hidden"] or row["value"] != row["value"]:
        return [_("{years}: the number of cases with less than 5 years of dust exposure is hidden (small numbers).", years=span)]
    said = [
        _(
            "{years}: {n} of {d} new cases of pneumoconiosis had less than 5 years of dust exposure: {value} ({limits}).",
            years=span, n=count(row["numerator"]), d=count(row["denominator"]), value=percent(row["value"]),
            limits=interval(row["lower"], row["upper"]),
        )
    ]  # fmt: skip
    if row["known"] == row["denominator"]:
        said.append(_("The exposure is known of all of them."))
    elif row["known"] == row["known"] and row["known"] > 0:
        said.append(
            _(
                "The exposure is known of {known} of them ({share}); of these {value} had less than 5 years.",
                known=count(row["known"]), share=percent(100 * row["known"] / row["denominator"]),
                value=percent(100 * row["numerator"] / row["known"]),
            )
        )  # fmt: skip
    return said


def other_cases(entered: float, counted: float) -> str:
    """A share that rests on another number of cases than the report counts."""
    return _(
        "This share was entered with {d} cases of new pneumoconiosis, while this report counts {n}: find out which is right "
        "before it is used.",
        d=count(entered), n=count(counted),
    )  # fmt: skip


def short_change(row: dict[str, Any]) -> str:
    """Whether the share of short exposure changed: a verdict only from enough cases."""
    span = years(row["first_year"], row["last_year"])
    if row["halves"]:
        return _(
            "Fewer than 10 such cases in {years}: whether their share fell cannot be told. In {later} they were {n} of {d}, in "
            "{earlier} {n_before} of {d_before} (odds ratio {value}, {limits}).",
            years=span, later=years(row["middle"] + 1, row["last_year"]), earlier=years(row["first_year"], row["middle"]),
            n=count(row["numerator"]), d=count(row["denominator"]), n_before=count(row["reference_numerator"]),
            d_before=count(row["reference_denominator"]), value=decimal(row["value"], 2),
            limits=interval(row["lower"], row["upper"], 2),
        )  # fmt: skip
    if row["verdict"] == "cannot tell":
        return _(
            "{years}: the share changed by {value} percentage points a year; whether it falls or rises cannot be told (p = {p}).",
            years=span, value=decimal(row["value"], 2), p=decimal(row["p"], 3),
        )  # fmt: skip
    return _(
        "{years}: the share is {verdict}, by {value} percentage points a year (p = {p}).",
        years=span, verdict=verdict(row["verdict"]), value=decimal(row["value"], 2), p=decimal(row["p"], 3),
    )  # fmt: skip


def median(row: dict[str, Any], name: str, among: str) -> str:
    """A median with its unit and its quartiles."""
    n = decimal(row["value"])
    value = {"age_at_diagnosis": _("{n} years of age", n=n), "days": _("{n} days", n=n), "years": _("{n} years", n=n)}
    return _(
        "{among}: {name}, median {value} (quartiles {quartiles}).",
        among=among, name=name, value=value.get(row["measure"], value.get(row["unit"], n)),
        quartiles=interval(row["q1"], row["q3"]),
    )  # fmt: skip


def groups(dimension: str, rows: list[dict[str, Any]]) -> str:
    """The largest groups of a dimension."""
    told = _(", ").join(
        _("{name} {n} ({value})", name=row["name"], n=count(row["numerator"]), value=percent(row["value"]))
        if row["value"] == row["value"] else _("{name} {n}", name=row["name"], n=count(row["numerator"]))
        for row in rows
    )  # fmt: skip
    return _("By {dimension}: {groups}.", dimension=dimension, groups=told)


def per_exposed(row: dict[str, Any]) -> str:
    """Cases per 100,000 declared exposed workers of one year."""
    return _(
        "{year}: {n} reported cases per {d} currently declared exposed workers, {value} per 100,000 ({limits}). This is not an "
        "incidence: today's cases come from exposure long ago.",
        year=row["year"], n=count(row["numerator"]), d=count(row["denominator"]), value=decimal(row["value"]),
        limits=interval(row["lower"], row["upper"]),
    )  # fmt: skip


def acute(row: dict[str, Any], events: float) -> str:
    """Acute events of a period: how many, with how many cases and deaths."""
    said = ngettext("{year}: {n} acute event", "{year}: {n} acute events", int(events), year=row["period"])
    if row["denominator"] != row["denominator"]:
        return _("{text}; cases and deaths are hidden or not known.", text=said)
    return ngettext(
        "{text} with {d} case, of whom {deaths} died (case fatality {value}, {limits}).",
        "{text} with {d} cases, of whom {deaths} died (case fatality {value}, {limits}).", int(row["denominator"]),
        text=said, d=count(row["denominator"]), deaths=count(row["numerator"]), value=percent(row["value"]),
        limits=interval(row["lower"], row["upper"]),
    )  # fmt: skip


def share(row: dict[str, Any], name: str) -> str:
    """One indicator with its numbers and limits."""
    return _(
        "{name}, {period}: {n} of {d}, {value} ({limits}).",
        name=name, period=row["period"], n=count(row["numerator"]), d=count(row["denominator"]), value=percent(row["value"]),
        limits=interval(row["lower"], row["upper"]),
    )  # fmt: skip
