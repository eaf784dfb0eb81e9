"""The plan of an invented city: its districts, their true trends and sizes, and independent streams of random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from .. import codes
from ..errors import ParameterRefused
from ..paths import REFERENCE

if TYPE_CHECKING:
    from numpy.random import Generator

MOST = 500
_CITY, _PER_HUNDRED = 990100, 99


@dataclass(frozen=True)
class District:
    """One invented district and what is true of it."""

    number: int
    code: str
    name_zh: str
    name_en: str
    cases: float  # expected cases in the first year
    change: float  # percent a year
    spread: float  # variance of the yearly counts over their mean
    size: float  # 0 the largest, 1 the smallest number of employers and workers
    effort: float = 0.0
    inherits: bool = False
    gaps: tuple[int, ...] = ()
    break_year: int = 0
    break_factor: float = 1.0

    def expected(self, years: np.ndarray, first: int) -> np.ndarray:
        """True mean of the new cases by year; `first` is the year that `cases` belongs to."""
        mean = self.cases * (1 + self.change / 100) ** (years - first)
        if self.break_year:
            mean = np.where(years >= self.break_year, mean * self.break_factor, mean)
        return np.asarray(mean, dtype=float)


@dataclass(frozen=True)
class City:
    """Everything that a city is made from: the same city gives the same bytes."""

    seed: int
    plan: dict[str, Any]
    words: dict[str, Any]  # what the records are made from
    districts: tuple[District, ...]
    known: tuple[District, ...]  # those of the plan, wanted or not
    small: bool = False

    def draw(self, *key: int) -> Generator:
        """A stream of random numbers of its own for each key."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))

    @property
    def everyone(self) -> tuple[District, ...]:
        """The districts of the plan, wanted or not, then the drawn ones: so a small city has the figures of a large one."""
        return (*self.known, *self.districts[len(self.known) :])

    @property
    def card_years(self) -> np.ndarray:
        """Years whose cards there are."""
        first = self.words["small"]["first_year"] if self.small else self.plan["years"][0]
        return span([first, self.plan["years"][1]])

    @property
    def register_years(self) -> np.ndarray:
        """Years of the registers: employers, examinations, measurements, doses, inspections, assistance."""
        first = self.words["small"]["registers_year"] if self.small else self.words["registers"]["first_year"]
        return span([first, self.plan["years"][1]])

    @property
    def follow_up_years(self) -> np.ndarray:
        """Years in which patients are visited."""
        return span([max(int(self.card_years[0]), self.words["follow_up"]["first_year"]), self.plan["years"][1]])

    @property
    def registered(self) -> tuple[District, ...]:
        """Districts that keep registers; in a small city the largest ones hold aggregates only."""
        return tuple(each for each in self.districts if not self.small or each.number >= self.words["small"]["registers_from"])

    @property
    def last_day(self) -> np.datetime64:
        """Day of the export: nothing is known of later days."""
        return np.datetime64(str(self.plan["data_date"]), "D")

    @property
    def years(self) -> np.ndarray:
        """Years of the counts of new cases."""
        return span(self.plan["years"])


def span(years: list[int]) -> np.ndarray:
    """All years from the first to the last."""
    return np.arange(years[0], years[1] + 1)


@lru_cache(maxsize=4)
def read(name: str) -> dict[str, Any]:
    """What a file of `reference/` says."""
    told: dict[str, Any] = yaml.safe_load((REFERENCE / f"{name}.yml").read_text(encoding="utf-8"))
    return told


def city(seed: int, districts: int, *, small: bool = False) -> City:
    """The city with a seed and a number of districts: first those that the plan names, then drawn ones.

    Raises
    ------
    ParameterRefused
        The number lies outside 1 to `MOST`, or a code or a name of the plan belongs to a real place.
    """
    if not 1 <= districts <= MOST:
        raise ParameterRefused("{n} districts cannot be made; ask for 1 to {most}.", n=districts, most=MOST)
    plan, words = read("synthetic"), read("synthetic_records")
    known = tuple(_named(number, told, len(plan["districts"])) for number, told in enumerate(plan["districts"]))
    start = City(seed, plan, words, (), known)
    drawn = [_drawn(start, number, *name) for number, name in zip(range(len(known), districts), _names(plan), strict=False)]
    whole = City(seed, plan, words, (*known, *drawn)[:districts], known, small)
    _refuse_real(whole)
    return whole


def _named(number: int, told: dict[str, Any], count: int) -> District:
    cut = told.get("break", {"year": 0, "factor": 1.0})
    keys = ("code", "name_zh", "name_en", "cases", "change", "spread", "effort", "inherits")
    return District(
        number,
        **{key: told[key] for key in keys if key in told},
        size=number / (count - 1),
        gaps=tuple(told.get("gaps", ())),
        break_year=cut["year"],
        break_factor=cut["factor"],
    )


def _drawn(city: City, number: int, name_zh: str, name_en: str) -> District:
    """A district whose size and trend are drawn: most have few cases, some have none, a few have hundreds."""
    told, draw = city.plan["drawn"], city.draw(0, number)
    chance = draw.random(4)
    median, sigma, most = told["cases"]
    cases = 0.0 if chance[0] < told["without_cases"] else min(most, median * np.exp(sigma * draw.standard_normal()))
    years = span(told["event_years"])
    event = int(years[int(draw.integers(len(years)))])
    return District(
        number,
        code_of(number),
        name_zh,
        name_en,
        cases=round(float(cases), 2),
        change=round(float(np.clip(draw.normal(*told["change"]), -15, 10)), 1),
        spread=1.5 if chance[1] < told["overdispersed"] else 1.0,
        size=round(float(told["size"][0] + (told["size"][1] - told["size"][0]) * draw.random()), 3),
        gaps=(event,) if chance[2] < told["gap"] else (),
        break_year=event if chance[3] < told["break"] else 0,
        break_factor=told["break_factor"] if chance[3] < told["break"] else 1.0,
    )


def code_of(number: int) -> str:
    """Code of the district with a number from 0 on: 990101 to 990199, then 990201 and on."""
    return str(_CITY + 100 * (number // _PER_HUNDRED) + number % _PER_HUNDRED + 1)


def _names(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Names for drawn districts in a fixed order, without those of the plan and of real places."""
    told = plan["drawn"]["names"]
    taken = {district["name_zh"][:-1] for district in plan["districts"]} | {name[:-1] for name in _real_names()} | _real_names()
    made = []
    for shift in range(len(told["second"])):
        for number, (first, latin) in enumerate(told["first"].items()):
            second, ending = list(told["second"].items())[(number + shift) % len(told["second"])]
            if first + second not in taken:
                kind_zh, kind_en = list(told["kinds"].items())[(number + shift) % len(told["kinds"])]
                made.append((first + second + kind_zh, f"{latin}{ending} {kind_en}"))
    return made


@lru_cache(maxsize=1)
def hazard_classes() -> dict[str, str]:
    """Class of each hazard."""
    rows = codes.table("hazards")
    return dict(zip(rows["code"], rows["parent"], strict=True))


@lru_cache(maxsize=1)
def _real_names() -> frozenset[str]:
    return frozenset(codes.table("divisions")["name_zh"])


def _refuse_real(city: City) -> None:
    """Refuse a plan whose codes or names belong to real places; the first two digits of a code are a province."""
    real = codes.table("divisions")["code"]
    provinces = set(real.str[:2])
    mine = [(city.plan["city"]["code"], city.plan["city"]["name_zh"]), *((each.code, each.name_zh) for each in city.districts)]
    wrong = [code for code, name in mine if code[:2] in provinces or name in _real_names()]
    if wrong:
        raise ParameterRefused("{codes} belong to real places; a synthetic city needs invented ones.", codes=", ".join(wrong))
