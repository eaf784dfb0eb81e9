"""Sentences of the one-page report of a small place: what so few cases can say, what they cannot, and what it would take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from .language import _, ngettext
from .periods import runs
from .wording import count, decimal, interval, percent, years

if TYPE_CHECKING:
    from collections.abc import Iterable


def block(row: dict[str, Any]) -> str:
    """Cases of a block of years, and how many that is a year; "number not shown" for a hidden one."""
    span = years(row["first_year"], row["last_year"])
    if row["hidden"]:
        return _("{span}: new cases were so few that their number is not shown.", span=span)
    if row["value"] == 0:
        return _("{span}: no new case was reported.", span=span)
    return ngettext(
        "{span}: {n_text} new case, {mean} a year on average.",
        "{span}: {n_text} new cases, {mean} a year on average.",
        int(row["value"]),
        span=span,
        n_text=count(row["value"]),
        mean=decimal(row["value"] / (row["last_year"] - row["first_year"] + 1)),
    )


def single_years(zero: Iterable[str], others: int) -> str:
    """Years without a case, where no block can be shown."""
    spans = _(", ").join(zero)
    if not spans:
        return _("New cases were so few in every year that no number is shown.")
    if not others:
        return _("No new case was reported in {spans}.", spans=spans)
    return _("No new case was reported in {spans}; in the other years they were so few that no number is shown.", spans=spans)


def since(of: range, zero: list[int], unknown: list[int], block: str) -> list[str]:
    """Years `of` after the last block: those without a case, those without a figure, and the `block` that is not complete."""
    span = years(of[0], of[-1])
    named = _(", ").join(years(*run) for run in runs(zero))
    without = [_("No figure: {years}.", years=_(", ").join(years(*run) for run in runs(unknown)))] if unknown else []
    if len(zero) == len(of):
        return [_("{span}: no new case was reported.", span=span)]
    if len(zero) + len(unknown) == len(of):
        return [*([_("{span}: no new case was reported.", span=named)] if zero else []), *without]
    if block and zero:
        said = _("{span}: no new case was reported in {zero}; no other number is shown until the block {block} is complete.",
                 span=span, zero=named, block=block)  # fmt: skip
    elif block:
        said = _("{span}: no number is shown until the block {block} is complete.", span=span, block=block)
    elif zero:
        said = _("{span}: no new case was reported in {zero}; no other number is shown (small numbers).", span=span, zero=named)
    else:
        said = _("{span}: no number is shown (small numbers).", span=span)
    return [said, *without]


def comparison(row: dict[str, Any]) -> str:
    """The last block against the one before, in words that go no further than the limits of the ratio."""
    told = {
        "span": years(row["first_before"], row["last_before"]),
        "n": count(row["denominator"]),
        "value": decimal(row["value"], 2),
        "limits": interval(row["lower"], row["upper"], 2),
    }
    if row["numerator"] + row["denominator"] == 0:
        return _("{span}: none either.", **told)
    if pd.isna(row["value"]):
        return _("{span}: none. From no case no ratio can be formed.", **told)
    if row["lower"] > 1:
        return _(
            "{span}: {n}. The yearly number is {value} times that (limits, 95%: {limits}): more than chance alone would explain.",
            **told,
        )
    if row["upper"] < 1:
        return _(
            "{span}: {n}. The yearly number is {value} times that (limits, 95%: {limits}): less than chance alone would explain.",
            **told,
        )
    return _(
        "{span}: {n}. The yearly number is {value} times that (limits, 95%: {limits}): chance alone can make such a difference, "
        "so it shows neither a rise nor a fall.",
        **told,
    )


def seen(row: dict[str, Any], fall: float, rise: float) -> str:
    """What the next block would have to hold to be told from chance, as far as any number would do."""
    told = {
        "n": count(row["value"]),
        "span": years(row["first_year"], row["last_year"]),
        "high": count(math.ceil(rise * row["value"])),
    }
    if pd.isna(fall):
        return _(
            "No trend. After {n} in {span}, the next block of years would have to hold about {high} new cases to be told from "
            "chance (power 80%); even a fall to 0 would not be.",
            **told,
        )
    return _(
        "No trend. After {n} in {span}, the next block of years would have to hold about {low} new cases or fewer, or {high} or "
        "more, to be told from chance (power 80%).",
        low=count(math.floor(fall * row["value"])),
        **told,
    )


def largest(row: dict[str, Any], name: str) -> str:
    """The largest group that may be shown, with its share of all cases."""
    return _(
        "Largest group that can be shown: {name}, {n} of {all} new cases in {span} ({share}; limits, 95%: {limits}).",
        name=name,
        n=count(row["numerator"]),
        all=count(row["denominator"]),
        span=years(row["first_year"], row["last_year"]),
        share=percent(row["value"]),
        limits=interval(row["lower"], row["upper"]),
    )


def bounds(last: dict[str, Any] | None, seen_change: str, *, some: bool = True) -> list[str]:
    """What the page says and leaves out, with the reason for each.

    Parameters
    ----------
    last : dict or None
        The last block, where its number is shown.
    seen_change : str
        The sentence of `seen`, or empty.
    some : bool
        Whether there was a case in any block.
    """
    said = []
    if some:
        said.append(
            _(
                "Not shown, apart from the above: single years with cases, months, townships, employers, age, sex. With fewer "
                "than 50 new cases in five years such figures stand for a few people, who could be recognised. They are left "
                "out, not missing."
            )
        )
    if seen_change:
        said.append(seen_change)
    if last is not None and last["value"] == 0:
        said.append(
            _(
                "No reported case is not proof of no disease: even where {upper} cases were to be expected in such a block, the "
                "chance that none is reported would be 2.5%, and who is not examined is not counted.",
                upper=decimal(last["upper"]),
            )
        )
    said.append(
        _(
            "No cause. The number depends on how many workers are examined and diagnosed, and most cases come from exposure "
            "years or decades ago: few cases do not mean little dust or noise today."
        )
    )
    said.append(
        _(
            "To say more: more years counted in the same way, the cases of the wider area, or what shows protection today: "
            "measurements at workplaces, examinations, declarations of hazards (the evaluation of the surveillance projects)."
        )
    )
    return said
