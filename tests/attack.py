"""An attacker with everything published in hand; own code, nothing of the protection is used here.

The world is a list of atoms: cases of one place, year, disease and group that are not divided further. Every figure is a sum of
atoms. Each value that a small figure could have is tried as an integer programme over all published numbers at once; a value
that turns out to be impossible is a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

KEYS = ["measure", "place", "period", "year_basis", "key", "group"]
ATOM = ["measure", "part", "place", "period", "year_basis", "key", "group"]  # part: n, or c = what the denominator has besides
DUST, NOISE = "pneumoconiosis", "noise_deafness"
BUT = {"all_other": (DUST, NOISE), "all_but_dust": (DUST,), "all_but_noise": (NOISE,)}  # the total less these


@dataclass(frozen=True)
class World:
    """Atoms with their true number `n`, and what lies in what."""

    atoms: pd.DataFrame
    places: dict[str, str]
    categories: dict[str, str]
    higher: frozenset[str] = frozenset()

    @cached_property
    def _masks(self) -> dict[tuple[str, frozenset[str]], np.ndarray]:
        return {}

    def _among(self, column: str, names: Iterable[str]) -> np.ndarray:
        """Which atoms have one of the names in a column."""
        wanted = column, frozenset(names)
        if wanted not in self._masks:
            self._masks[wanted] = self.atoms[column].isin(wanted[1]).to_numpy()
        return self._masks[wanted]

    def _under(self, column: str, names: Iterable[str], up: dict[str, str]) -> np.ndarray:
        """Which atoms lie in one of the places or diseases named."""
        wanted = set(names)
        return self._among(column, wanted | {each for each in up if wanted & set(_above(each, up))})

    def members(self, figure: Iterable[str], part: str = "n") -> np.ndarray:
        """Which atoms a figure is the sum of (KEYS in their order)."""
        measure, place, period, basis, key, group = figure
        first, _dots, last = period.partition("..")
        years = {str(year) for year in range(int(first), int(last or first) + 1)}
        diseases = self._under("key", BUT.get(key, (key,)), self.categories) ^ (key in BUT)
        inside = self._under("place", (place,), self.places) & self._among("period", years) & diseases
        inside &= self._among("measure", (measure,)) & self._among("part", (part,)) & self._among("year_basis", (basis,))
        for each in set(group.split(";")) - {""}:
            inside &= self._among("group", [name for name in self._groups if each in name.split(";")])
        return inside

    @cached_property
    def _groups(self) -> list[str]:
        return list(self.atoms["group"].unique())

    def figures(self) -> pd.DataFrame:
        """Exact figures of every place, year, category and group that the atoms add up to."""
        table = self.atoms.assign(dummy=1)
        for column, up in (("place", self.places), ("key", self.categories)):
            chains = {name: [name, *_above(name, up)] for name in table[column].unique()}
            table = table.assign(**{column: table[column].map(chains)}).explode(column)
        groups = {name: ["", *filter(None, name.split(";"))] for name in table["group"].unique()}  # everyone, and one dimension
        table = table.assign(group=table["group"].map(groups)).explode("group")
        wide = table.pivot_table(index=KEYS, columns="part", values="n", aggfunc="sum").reset_index()
        wide["numerator"] = wide["n"]
        wide["denominator"] = wide["n"] + wide["c"] if "c" in wide else np.nan
        return wide[[*KEYS, "numerator", "denominator"]]

    def threshold(self, key: str, members: np.ndarray) -> int:
        """First number that may be printed."""
        held = self.atoms[members]
        strict = held.loc[held["n"] > 0, "key"].isin(self.higher).any() if key in BUT else key in self.higher
        return 10 if strict else 5


def _above(name: str, up: dict[str, str]) -> list[str]:
    chain: list[str] = []
    while name := up.get(name, ""):
        chain.append(name)
    return chain


class Attack:
    """Everything that several releases say, as constraints on the atoms."""

    def __init__(self, world: World, releases: list[pd.DataFrame]) -> None:
        self.world, self.true = world, world.atoms["n"].to_numpy(dtype=float)
        self.rows: dict[bytes, tuple[np.ndarray, float, float]] = {}
        self.totals = 0
        self.printed: set[tuple[str, ...]] = set()
        self.starred: set[tuple[str, ...]] = set()
        for release in releases:
            for row in release.to_dict("records"):
                figure = tuple(row[name] for name in KEYS)
                if row["measure"] == "hidden_cases":  # what the stars of a place hold together
                    names = (part.split(" ") for part in row["key"].split(";"))
                    parts = [world.members(("new_cases", row["place"], when, row["year_basis"], key, "")) for when, key in names]
                    if np.sum(parts, axis=0).max() == 1 and np.sum(parts, axis=0) @ self.true == row["numerator"]:
                        self.totals += 1
                        self.say(np.any(parts, axis=0), row["numerator"], row["numerator"])
                    continue
                n, c = world.members(figure), world.members(figure, "c")
                if row["hidden"]:
                    self.starred.add(figure)
                    self.say(n, min(1.0, n @ self.true), np.inf)  # zeros are printed: a star is at least 1
                elif row["numerator"] == row["numerator"] and row["numerator"] == n @ self.true:
                    self.printed.add(figure)
                    self.say(n, row["numerator"], row["numerator"])
                    if row["denominator"] == row["denominator"]:
                        self.say(c, c @ self.true, c @ self.true)

    def say(self, members: np.ndarray, low: float, high: float) -> None:
        """What is known of a sum of atoms."""
        name = np.packbits(members).tobytes()
        _old, least, most = self.rows.get(name, (members, 0.0, np.inf))
        self.rows[name] = (members, max(least, low), min(most, high))

    def possible(self, sums: np.ndarray, value: float, *, whole: bool = True) -> bool:
        """Whether a signed sum of atoms can have a value, in whole numbers or in any."""
        known = list(self.rows.values())
        matrix = np.vstack([*(row for row, _low, _high in known), sums]).astype(float)
        low = np.array([*(low for _row, low, _high in known), value])
        high = np.array([*(high for _row, _low, high in known), value])
        n = len(self.true)
        found = milp(
            np.zeros(n), constraints=LinearConstraint(matrix, low, high), bounds=Bounds(0, np.inf), integrality=np.full(n, whole)
        )
        return found.x is not None

    def targets(self, exact: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, int, bool]]:
        """Small figures that were not printed, by year and block, their complements, and small differences of year bases."""
        figures = {tuple(row) for row in exact[KEYS].itertuples(index=False, name=None)} | self.starred
        blocks = {(figure[3], figure[2]) for figure in self.printed | self.starred if ".." in figure[2]}
        sums_only = {(*each[:2], block, *each[3:]) for each in figures for basis, block in blocks if each[3] == basis}
        sums_only -= figures  # blocks that are shown nowhere: no value may be certain, but two stars add up to 2 at least
        figures |= sums_only
        for figure in sorted(figures - self.printed):
            members = self.world.members(figure)
            for part, sums in (("", members), (" complement", self.world.members(figure, "c"))):
                limit = self.world.threshold(figure[4], members)
                if 1 <= sums @ self.true < limit:
                    yield "/".join(figure) + part, sums.astype(float), limit, figure not in sums_only
        for figure in sorted(each for each in figures if each[3] == "diagnosis"):
            both = self.world.members((*figure[:3], "report", *figure[4:])).astype(float) - self.world.members(figure)
            limit = self.world.threshold(figure[4], both != 0)
            if 1 <= abs(both @ self.true) < limit:
                yield "/".join(figure) + " late cards", both * np.sign(both @ self.true), limit, True

    def leaks(self, exact: pd.DataFrame, *, whole: bool = True, told: Attack | None = None) -> list[str]:
        """Small figures of which a value can be ruled out that what was `told` leaves open, with what remains."""
        found = []
        for name, sums, limit, shown in self.targets(exact):
            tried = list(range(1, limit) if whole else (1, limit - 1))
            tried = [value for value in tried if told is None or told.possible(sums, value, whole=whole)]
            left = [value for value in tried if value == sums @ self.true or self.possible(sums, value, whole=whole)]
            if len(left) < (len(tried) if shown else min(len(tried), 2)):
                found.append(f"{name} = {sums @ self.true:.0f}: only {left}")
        return found
