"""Invented persons and credit codes: valid by their check digits, of a region that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .rows import between, lookup, pick, year_of, yes

if TYPE_CHECKING:
    from numpy.random import Generator

    from .plan import City, District
    from .rows import Days, Floats, Mask, Whole

KINDS = {"cards": 1, "suspected": 2, "exams": 3, "medical": 4, "non_medical": 5, "pending": 6}
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])  # GB 11643-1999
_CHECKS = lookup("10X98765432")
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015


def persons(city: City, draw: Generator, kind: str, district: District, male: Mask, born: Days) -> dict[str, Any]:
    """Name, number, sex, birth date of invented persons; no number comes twice within one kind and district."""
    size = len(born)
    names = city.words["names"]
    parts = [names["person_first"], names["person_second"], names["person_third"]]
    first, second, third = (lookup(part)[pick(draw, [1] * len(part), size)] for part in parts)
    third[yes(draw, 30, size)] = ""
    region = 990000 + KINDS[kind] * 1000 + district.number + 1  # 99 is no province
    return {
        "name": first + second + third,
        "id_number": _numbers(draw, region, male, born),
        "sex": np.where(male, "1", "2").astype(object),
        "birth_date": born,
    }


def _numbers(draw: Generator, region: int, male: Mask, born: Days) -> Any:
    months = born.astype("datetime64[M]").astype(np.int64) % 12 + 1
    days = (born - born.astype("datetime64[M]")).astype(np.int64) + 1
    date = year_of(born) * 10_000 + months * 100 + days
    order = 2 * between(draw, 0, 498, len(born)) + male
    while True:
        number = (region * 10**8 + date) * 1000 + order
        digits = number[:, None] // 10 ** np.arange(16, -1, -1) % 10
        check = (digits @ _WEIGHTS) % 11
        _unique, at = np.unique(number, return_index=True)
        bad = np.ones(len(number), dtype=bool)
        bad[at] = False
        bad |= (number % 100 == 0) & (check == 1)  # ends in 000 like a number that a spreadsheet has cut
        if not bad.any():
            return number.astype(str).astype(object) + _CHECKS[check]
        order = np.where(bad, (order + 2) % 998, order)


def ages(draw: Generator, told: dict[str, Any], size: int) -> Floats:
    """Ages in years by the plan's shares of age groups."""
    bounds = np.asarray(told["bounds"], dtype=float)
    group = pick(draw, told["shares"], size)
    return np.asarray(bounds[group] + draw.random(size) * (bounds[group + 1] - bounds[group]))


def born_before(days: Days, age: Floats) -> Days:
    """Birth dates of persons who are `age` years old on `days`."""
    return np.asarray(days - np.ceil(age * 365.25).astype(np.int64))


def credit_codes(district: District, sole: Mask, start: int = 0) -> Any:
    """Unified social credit codes of invented employers, valid by their check characters (GB 32100, GB 11714)."""
    made = []
    region = f"{990001 + district.number:06d}"
    for number, alone in enumerate(sole.tolist(), start=start):
        body = f"{(number * 7_919 + 10_007 * (district.number + 1)) % 10**8:08d}"
        organisation = 11 - sum(int(digit) * weight for digit, weight in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
        code = f"9{2 if alone else 1}{region}{body}{'0123456789X0'[organisation % 11]}"
        total = sum(_ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(code))
        made.append(code + _ALPHABET[(31 - total % 31) % 31])
    return lookup(made)


def worked(draw: Generator, told: dict[str, Any], years: Whole, age: Floats, kind: Mask, span: Floats) -> Whole:
    """Months of exposure; of pneumoconiosis by the plan's shares under 5 and under 10 years, of the others within `span`."""
    size = len(age)
    short = told["short_exposure"]
    share = np.interp(years, short["years"], short["shares"])
    chance, part = draw.random(size) * 100, draw.random(size)
    dust = np.where(
        chance < share,
        0.5 + 4.4 * part,
        np.where(chance < told["under_ten"], 5 + 4.9 * part, 10 + (told["longest"] - 10) * part**1.3),
    )
    other = span[:, 0] + (span[:, 1] - span[:, 0]) * part
    exposed = np.minimum(np.where(kind, dust, other), age - 18.5)
    return np.asarray(np.floor(np.maximum(exposed, 0) * 12), dtype=np.int64)


def started(draw: Generator, born: Days, age: Floats, months: Whole) -> Days:
    """First day of exposure: at 18 or later, so early that the months fit in."""
    free = np.maximum(age - 18 - months / 12, 0)
    days = np.floor((18 + 0.4 * free + 0.6 * free * draw.random(len(age))) * 365.25).astype(np.int64)
    return np.asarray(born + days)
