"""Sentences of the trend report beyond its headline: facts, categories, exceedances, before and after, outlook, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from . import courses, trend, wording
from .language import _, ngettext
from .wording import DASH, count, decimal, interval, percent, signed, years

if TYPE_CHECKING:
    from collections.abc import Iterable


def reason(note: str) -> str:
    """Why there is no number, in the reader's language."""
    return {
        courses.TOO_FEW: _("too few years since the last break"),
        courses.CANNOT: _("the trend itself cannot be told"),
        courses.BREAK_AHEAD: _("a declared break lies ahead, and no trend crosses a break"),
        courses.GAPS: _("years are missing inside the window"),
        courses.FEW_CASES: _("too few cases a year"),
        courses.NO_POLICY: _("no unbroken window holds settled years on both sides of it"),
        courses.NO_EFFORT: _("persons examined and a further step are not known in two years of the window"),
        "no events": _("no cases in these years"),
        "withheld: an input is below 5": _("a count at one end is below 5"),
        "not estimable: fewer than 8 years on a side": _("a model needs at least 8 years on each side"),
        "not estimable: cases in fewer than two years on a side": _("cases in fewer than two years on one side"),
    }.get(note, wording.reason(note))


def named(first: Iterable[int]) -> str:
    """Which declared breaks a comparison crosses."""
    told = [str(year) for year in first]
    return ngettext(
        "It crosses the break of {years}: part of it can be a change of the rules.",
        "It crosses the breaks of {years}: part of it can be a change of the rules.",
        len(told),
        years=_(", ").join(told),
    )


def fact(row: dict[str, Any], breaks: list[int]) -> str:
    """One fact that answers whether cases fell, with its label; never more than its numbers."""
    parts = [_difference(row) if row["fact"] in ("base", "before") else _periods(row)]
    parts += [_("The figure is provisional.")] if row["note"] == "provisional" else []
    if breaks and not pd.isna(row["value"]):
        parts.append(named(breaks))
    return wording.sentences(parts)


def _difference(row: dict[str, Any]) -> str:
    label = _("Administrative, against the base year") if row["fact"] == "base" else _("Administrative, against the year before")
    base, last = int(row["first_year"]), int(row["last_year"])
    if pd.isna(row["value"]):
        return _(
            "{label}: {base} and {last} cannot be compared ({why}).", label=label, base=base, last=last, why=reason(row["note"])
        )
    change = "" if row["denominator"] < 10 else _("; {percent} against it", percent=signed(_share(row)) + "%")
    return _(
        "{label}: {n} in {last}, {before} in {base}; difference {difference}{change}.",
        label=label, n=count(row["numerator"]), last=last, before=count(row["denominator"]), base=base,
        difference=signed(row["value"], 0), change=change,
    )  # fmt: skip


def _share(row: dict[str, Any]) -> float:
    return float(100 * row["value"] / row["denominator"])


def _periods(row: dict[str, Any]) -> str:
    label = _("Between periods")
    later, earlier = years(row["first_year"], row["last_year"]), years(row["first_before"], row["last_before"])
    if pd.isna(row["value"]):
        return _(
            "{label}: {base} and {last} cannot be compared ({why}).",
            label=label,
            base=earlier,
            last=later,
            why=reason(row["note"]),
        )
    return _(
        "{label}: {later} against {earlier}, {value} times as many cases per year of observation (exact limits of counting "
        "variation, 95%: {limits}).",
        label=label, later=later, earlier=earlier, value=decimal(row["value"], 2), limits=interval(row["lower"], row["upper"], 2),
    )  # fmt: skip


def borrowed(row: dict[str, Any], region: str) -> list[str]:
    """The trend of a place that borrows strength from its region; no verdict is drawn from it."""
    return [
        _(
            "Drawing on the series of {n} places of {region}, {window}: {value} per year (interval, 95%: {limits}); {own} of it "
            "is the place's own data.",
            n=row["places"], region=region, window=years(row["first_year"], row["last_year"]), value=signed(row["value"]) + "%",
            limits=interval(row["lower"], row["upper"]), own=percent(row["own_share"], 0),
        ),
        _(
            "Mean trend of these places: {value} per year ({limits}). The verdict rests on the place's own series alone.",
            value=signed(row["region_value"]) + "%", limits=interval(row["region_lower"], row["region_upper"]),
        ),
    ]  # fmt: skip


def category(row: dict[str, Any], name: str) -> str:
    """Cases of a category with their share."""
    return _("{name}: {n} ({share})", name=name, n=count(row["n"]), share=percent(row["value"]))


def noise(first: dict[str, Any], last: dict[str, Any], name: str) -> str:
    """Share of noise deafness, or of the category that holds it, at both ends of the window."""
    ends = [
        _(
            "{share} ({limits}) in {year}",
            share=percent(row["value"]),
            limits=interval(row["lower"], row["upper"]),
            year=row["year"],
        )
        for row in (first, last)
    ]
    return _("{name}, share of all new cases: {first}; {last}.", name=name, first=ends[0], last=ends[1])


def disease_trend(row: dict[str, Any], name: str) -> str:
    """Trend of a category that stands after control of false discoveries."""
    return _(
        "{name}, {window}: {value} per year (interval, 95%: {limits}; q {q}): {verdict}.",
        q=q_value(row["q"]), name=name, window=years(row["first_year"], row["last_year"]), value=signed(row["value"]) + "%",
        limits=interval(row["lower"], row["upper"]), verdict=wording.verdict(row["verdict"]),
    )  # fmt: skip


def exceedance(row: dict[str, Any], name: str, year: int) -> str:
    """More cases than the years before lead to expect."""
    return _(
        "{name}: {n} in {year}, more than in any year of {window} (mean {mean} a year; q {q}).",
        q=q_value(row["q"]), name=name, n=count(row["numerator"]), year=year, window=years(row["first_year"], row["last_year"]),
        mean=decimal(row["denominator"]),
    )  # fmt: skip


def none_unusual(rows: pd.DataFrame, year: int) -> str:
    """No category with more cases than usual; says how many were looked at."""
    return ngettext(
        "{n} series was looked at; in {year} it does not have more cases than the years before lead to expect.",
        "{n} series were looked at; in {year} none has more cases than the years before lead to expect.",
        len(rows),
        year=year,
    )


def part(row: dict[str, Any], name: str) -> str:
    """One part of the split of the change in cases."""
    return _(
        "{name}: {value} cases ({limits})",
        name=name,
        value=signed(row["value"], 0),
        limits=interval(row["lower"], row["upper"], 0),
    )


def forecast(row: dict[str, Any], provisional: float | None = None) -> str:
    """Cases to expect in one year, beside its provisional figure where there is one."""
    told = {"year": int(row["year"]), "n": count(row["value"]), "limits": interval(row["lower"], row["upper"], 0)}
    if provisional is None:
        return _("{year}: about {n} cases (prediction interval, 95%: {limits}).", **told)
    return _(
        "{year}: about {n} cases (prediction interval, 95%: {limits}); the provisional figure is {known}.",
        known=count(provisional),
        **told,
    )


def target(row: dict[str, Any], base: int) -> list[str]:
    """Chance that the count of the deadline year lies below the base year's, and the pace that this needs."""
    said = _(
        "Chance that {deadline} has fewer cases than {base} if the trend goes on: {chance}.",
        deadline=int(row["deadline"]), base=base, chance=percent(row["value"], 0),
    )  # fmt: skip
    if pd.isna(row["pace"]) or pd.isna(row["pace_needed"]):
        return [said]
    pace = _(
        "Pace so far {pace} per year; to get there it may be at most {needed} per year.",
        pace=signed(row["pace"]) + "%", needed=signed(row["pace_needed"]) + "%",
    )  # fmt: skip
    return [said, pace]


def q_value(value: float) -> str:
    """A p value, adjusted or not, as readers write it."""
    return DASH if pd.isna(value) else _("below {least}", least="0.001") if value < 0.001 else decimal(value, 3)


def clear(rows: pd.DataFrame) -> pd.DataFrame:
    """Category trends with a word that says a direction, the steepest first."""
    if rows.empty:
        return rows
    found = rows[rows["verdict"].isin([trend.FALLING, trend.RISING])]
    return found.loc[found["slope"].abs().sort_values(ascending=False, kind="stable").index]


def single(category: str, span: str, rows: list[dict[str, Any]]) -> str:
    """The largest single diseases of a category in a period."""
    told = _(", ").join(
        _("{name} {n} ({value})", name=row["name"], n=count(row["numerator"]), value=percent(row["value"])) for row in rows
    )
    return _("{category}, {period} ({d} new cases): {groups}.", category=category, period=span,
             d=count(rows[0]["denominator"]), groups=told)  # fmt: skip
