"""Estimates to sentences: every number comes from a row, and no sentence says more than its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from . import periods
from .disclosure import POOLED
from .language import _, ngettext
from .occurrence import NOT_SHOWN, PROVISIONAL, UNSETTLED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .periods import Period

MINUS, DASH = "\u2212", "\u2013"
OVERDISPERSED = 1.5  # variance of the yearly counts in multiples of that of counting


def count(value: float) -> str:
    """A whole number with thousand separators; * when hidden, a dash when missing."""
    return DASH if pd.isna(value) else f"{value:,.0f}".replace("-", MINUS)


def decimal(value: float, digits: int = 1) -> str:
    """A number with fixed decimals and a true minus sign; 0 never carries a sign."""
    if pd.isna(value):
        return DASH
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def interval(lower: float, upper: float, digits: int = 1) -> str:
    """Limits as "a to b"."""
    if pd.isna(lower) or pd.isna(upper):
        return DASH
    return _("{lower} to {upper}", lower=decimal(lower, digits), upper=decimal(upper, digits))


def percent(value: float, digits: int = 1) -> str:
    """A percentage."""
    return DASH if pd.isna(value) else decimal(value, digits) + "%"


def share_of(numerator: float, denominator: float) -> str:
    """Numerator and denominator as "n / d"."""
    return f"{count(numerator)} / {count(denominator)}"


def years(first: float, last: float) -> str:
    """One year or a span of years."""
    return f"{first:.0f}" if first == last else f"{first:.0f}{DASH}{last:.0f}"


def period(when: Period) -> str:
    """A period in words."""
    if when.is_year:
        return _("{year}", year=when.first_year)
    if when.first_year != when.last_year:
        return years(when.first_year, when.last_year)
    first, last = when.start[1], when.end[1]
    if last - first == 5 and first in (1, 7):
        return _("first half of {year}", year=when.first_year) if first == 1 else _("second half of {year}", year=when.first_year)
    if last - first == 2 and first % 3 == 1:
        return _("quarter {quarter} of {year}", quarter=(first + 2) // 3, year=when.first_year)
    return _("months {first} to {last} of {year}", first=first, last=last, year=when.first_year)


def period_of(text: str) -> str:
    """A period as the data write it, in words."""
    return period(periods.parse(text))


def sentences(parts: Iterable[str]) -> str:
    """Sentences one after the other: with a space between them in English, without one in Chinese."""
    made = ""
    for part in filter(None, parts):
        made = _("{before} {after}", before=made, after=part) if made else part
    return made


def alternative(title: str, told: Iterable[str]) -> str:
    """Alternative text of a figure: its title and, sentence by sentence, what it shows."""
    return sentences([title + _("."), *told])


VERDICTS = ("falling", "rising", "roughly level", "cannot tell")


def verdict(word: str) -> str:
    """The word of a verdict."""
    return {
        "falling": _("falling"),
        "rising": _("rising"),
        "roughly level": _("roughly level"),
        "cannot tell": _("cannot tell"),
        "": _("not shown (small numbers)"),
    }[word]


def new_cases(when: Period, now: dict[str, Any], before: dict[str, Any] | None, before_text: str) -> list[str]:
    """Cases in the period and against the same period a year before; percent only from a base of 10.

    Parameters
    ----------
    when : Period
        The reported period.
    now, before : dict
        `n` (NaN when there is no figure), `hidden`, `provisional`, `lower`, `upper`.
    before_text : str
        The period a year before, in words.
    """
    text = period(when)
    if now["hidden"]:
        return [_("{period}: the number of new cases is not shown (small numbers).", period=text)]
    if pd.isna(now["n"]) and now.get("note") == POOLED:
        return [_("{period}: new cases are shown in blocks of years, not by single years.", period=text)]
    if pd.isna(now["n"]):
        return [_("{period}: no figure of new cases is at hand.", period=text)]
    said = ngettext(
        "{period}: {n_text} new case (limits of counting variation, 95%: {limits}).",
        "{period}: {n_text} new cases (limits of counting variation, 95%: {limits}).",
        int(now["n"]),
        period=text,
        n_text=count(now["n"]),
        limits=interval(now["lower"], now["upper"], 0 if now["n"] >= 100 else 1),
    )
    sentences = [said, _("The figure is provisional.")] if now["provisional"] else [said]
    if before is None:
        return sentences
    if before["hidden"]:
        return [*sentences, _("The figure of {before} is not shown (small numbers).", before=before_text)]
    if pd.isna(before["n"]):
        return [*sentences, _("No comparison with {before}: no figure.", before=before_text)]
    difference = now["n"] - before["n"]
    change = _("; {percent} against it", percent=signed(100 * difference / before["n"]) + "%") if before["n"] >= 10 else ""
    sentences.append(
        _(
            "{before}: {n}; difference {difference}{change}.",
            before=before_text,
            n=count(before["n"]),
            difference=signed(difference, 0),
            change=change,
        )
    )
    return sentences


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign."""
    text = decimal(value, digits)
    return "+" + text if value > 0 and float(text.replace(",", "")) != 0 else text


def headline_trend(row: dict[str, Any], qualifier: str, unknown: str) -> list[str]:
    """The verdict of the latest unbroken window, qualified by detection effort."""
    window = years(row["first_year"], row["last_year"])
    if row["note"] == NOT_SHOWN:
        return [_("Trend {window}: not shown (small numbers).", window=window)]
    if pd.isna(row["value"]):
        return [_("Trend {window}: cannot tell; {reason}.", window=window, reason=reason(str(row["note"])))]
    sentence = _(
        "Trend over the latest unbroken window, {window}: {value} per year (interval, 95%: {limits}): {verdict}.",
        window=window,
        value=signed(row["value"]) + "%",
        limits=interval(row["lower"], row["upper"]),
        verdict=verdict(row["verdict"]),
    )
    if row["verdict"] == "cannot tell":
        return [sentence, detectable(row)]
    return [sentence, *qualification(qualifier, unknown)]


def qualification(qualifier: str, unknown: str) -> list[str]:
    """What detection effort takes away from a fall or a rise; `unknown` names the years in which it is not known."""
    if qualifier == "effort fell":
        return [_("Reported cases fell; detection effort fell too, so a real fall is not shown.")]
    if qualifier == "effort rose":
        return [_("Reported cases rose; detection effort rose too, so a real rise is not shown.")]
    if qualifier == "campaign":
        return [_("Reported cases rose; a screening campaign ran in these years, so a real rise is not shown.")]
    return [_("Detection effort is unknown for {unknown}.", unknown=unknown)] if qualifier == "unknown" else []


def detectable(row: dict[str, Any]) -> str:
    """What a trend would have had to be, to be seen."""
    if row["n_points"] < 5:
        return _("{n} points are too few to tell; at least 5 are needed.", n=int(row["n_points"]))
    if pd.isna(row["detectable_fall"]):
        return _("What could have been seen cannot be said for this series.")
    return _(
        "{window}: a steady fall of {fall} a year or a rise of {rise} a year would have been detected with a power of 80%.",
        window=years(row["first_year"], row["last_year"]),
        fall=percent(-row["detectable_fall"]),
        rise=percent(row["detectable_rise"]),
    )


def reason(note: str) -> str:
    """Why there is no number, in the reader's language."""
    return {
        "not estimable: no cases": _("no cases in these years"),
        "not estimable: one year": _("only one year"),
        "not estimable: cases in one year only": _("cases in one year only"),
        "no figure": _("no figure"),
        PROVISIONAL: _("provisional years only"),
        UNSETTLED: _("rows in quarantine could change the verdict"),
        "declared gap": _("no figure"),
        "no data": _("no data"),
        "protected": _("protected"),
        "denominator is 0": _("denominator is 0"),
        "numerator above denominator": _("numerator above denominator"),
        "trend target": _("no single figure: see the facts"),
        "no target value": _("the target has no value"),
        "register made from the numerator": _("the register is made from the declarations themselves"),
        NOT_SHOWN: _("not shown (small numbers)"),
    }.get(note, note)


def breaks_crossed(series: pd.DataFrame, how_many: int) -> list[str]:
    """Why no line is drawn through the whole series, and its first and last count where both are shown."""
    first, last = series.iloc[0], series.iloc[-1]
    said = ngettext(
        "The series crosses {n} break: no single trend is fitted over {span}.",
        "The series crosses {n} breaks: no single trend is fitted over {span}.",
        how_many,
        span=years(first["year"], last["year"]),
    )
    if pd.isna(first["value"]) or pd.isna(last["value"]):
        return [said]
    ends = [_("{n} in {year}", n=count(row["value"]), year=row["year"]) for row in (first, last)]
    return [said, _("First and last count: {first}; {last}.", first=ends[0], last=ends[1])]


def counting_variation(row: dict[str, Any], dispersion: float) -> str:
    """What the exact Poisson limits say, and what they leave out."""
    half = 100 * (row["upper"] - row["lower"]) / 2 / row["value"] if row["value"] >= 100 else float("nan")
    said = _("Limits: exact Poisson (95%); they show counting variation only")
    said += _(" (±{half} in {year})", half=percent(half), year=int(row["year"])) if not pd.isna(half) else ""
    if dispersion > OVERDISPERSED:
        said += _(
            "; year-to-year variation is far larger: about {times} times the variance of counting",
            times=count(dispersion) if dispersion >= 10 else decimal(dispersion),
        )
    return said + _(".")


def status(word: str) -> str:
    """Status by symbol and word."""
    return {"met": "✓ " + _("met"), "not_met": "✗ " + _("not met"), "cannot_judge": DASH + " " + _("cannot judge")}[word]


def explained(text: str, why: str) -> str:
    """A word with its reason."""
    return _("{word} ({reason})", word=text, reason=why)


def certainty(word: str) -> str:
    """How sure a target's own value is."""
    return {"seed": _("read in the plan's text"), "page": _("read on a page"), "recalled": _("recalled, to be confirmed")}.get(
        word, word
    )


def gap(row: dict[str, Any], language: str) -> str:
    """What is missing to a target, in units that people can act on."""
    if pd.isna(row["gap"]) or row["gap"] == 0:
        return DASH
    unit = row["unit_zh"] if language == "zh" else row["unit_en"] if row["gap"] == 1 else row["unit_en_plural"]
    if row["comparator"] == "<=":
        return _("{n} fewer {unit}", n=count(row["gap"]), unit=unit)
    return _("{n} more {unit}", n=count(row["gap"]), unit=unit)
