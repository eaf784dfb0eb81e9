"""Protection held against an attacker with linear and integer programmes over everything published."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from attack import ATOM, Attack, World
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ohstats import counts, disclosure, reference
from ohstats.dataset import Dataset

CITY, DISTRICTS = "990100", ["990101", "990102", "990103"]
CATEGORIES = {row["key"]: row["parent"] for row in reference.table("categories").to_dict("records")}
HIGHER = frozenset({"radiation", "infectious", "tumour", "rest_combined"})
EMPTY = Path(tempfile.mkdtemp())
NOTHING = pd.DataFrame(columns=["dataset", *counts.KEYS, "numerator", "denominator"], dtype="str")


def dataset(folder: Path, districts: list[str] = DISTRICTS, **rules: object) -> Dataset:
    rows = [(CITY, "市", "City", "city", ""), *((code, "区", "District", "county", CITY) for code in districts)]
    places = pd.DataFrame(rows, columns=["code", "name_zh", "name_en", "level", "parent"])
    names = {"zh": "", "en": ""}
    return Dataset(folder, "small", names, names, "", None, False, places, (), rules)


def world(atoms: list[tuple], districts: list[str] = DISTRICTS) -> World:
    table = pd.DataFrame(atoms, columns=[*ATOM, "n"])
    return World(table, dict.fromkeys(districts, CITY), CATEGORIES, HIGHER)


def frame(figures: pd.DataFrame, kind: str = "case") -> pd.DataFrame:
    """Exact Counts as `counts.make` gives them."""
    made = figures.assign(
        hidden=False, counts=kind, basis="census", provisional=False, provenance="page", source="", note="", high=np.nan
    )
    return made[[*counts.COLUMNS, "high"]].sort_values(counts.KEYS, ignore_index=True)


KEYS = ["pneumoconiosis", "noise_deafness", "skin", "acute_poisoning", "chronic_poisoning", "radiation"]
GROUPS = [[""], [""], ["sex=men", "sex=women"]]


@st.composite
def worlds(draw: st.DrawFn, *, bases: bool = False, most: int = 6) -> World:
    """A city with a few districts, years and diseases; most numbers are small."""
    districts = DISTRICTS[: draw(st.integers(1, 3))]
    first = draw(st.sampled_from([2016, 2018, 2021]))
    years = [str(first + step) for step in range(draw(st.integers(1 if most == 6 else 2, most)))]
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
    groups = draw(st.sampled_from(GROUPS))
    scale = draw(st.sampled_from([1, 4, 15]))
    places = [*districts, *draw(st.sampled_from([[], [CITY]]))]
    number = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).poisson
    size = {place: float(2.0 ** draw(st.integers(-1, 3))) for place in places}
    atoms = []
    for place, (at, key), group in product(places, enumerate(keys), groups):
        cases = [int(number(scale * size[place] / (1 + at))) for _year in years]
        late = [min(int(number(0.5)), n) for n in cases[1:]] + [0]  # reported in the year after their diagnosis
        diagnosed = [n + late[step] - (late[step - 1] if step else 0) for step, n in enumerate(cases)]
        for basis, series in (("report", cases), ("diagnosis", diagnosed if bases else [])):
            atoms += [("new_cases", "n", place, year, basis, key, group, n) for year, n in zip(years, series, strict=False)]
    return world(atoms, districts)


def protect(exact: pd.DataFrame, register: pd.DataFrame = NOTHING, **rules: object) -> disclosure.Protected:
    made = disclosure.protect(exact, dataset(EMPTY, **rules), "public", register)
    assert made.facts["exposed"] == 0 or rules
    return made


often = settings(
    max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)


@often
@given(world=worlds())
def test_no_value_of_a_hidden_count_can_be_ruled_out(world: World) -> None:
    exact = frame(world.figures())
    attack = Attack(world, [protect(exact).counts])
    assert attack.leaks(exact) == []
    assert attack.leaks(exact, whole=False) == []


@often
@given(world=worlds(most=7), declared=st.booleans())
def test_nor_from_two_yearly_releases_together(world: World, declared: bool) -> None:
    exact = frame(world.figures())
    rules = {"yearly_total": {"authority": "a", "date": "2025", "source": "b"}} if declared else {}
    first = protect(exact[exact["period"] < exact["period"].max()], **rules)
    second = protect(exact, first.proposal, **rules)
    then, now = (made.counts.set_index(counts.KEYS) for made in (first, second))
    stars = then.index[then["hidden"]]
    assert now.loc[stars, "hidden"].all()  # what was starred stays starred
    shown = then.index[then["numerator"].notna() & (then.index.get_level_values("measure") != "hidden_cases")]
    assert now.loc[shown, "numerator"].equals(then.loc[shown, "numerator"])  # and what was shown stays shown
    told = exact[(exact["key"] == "total") & (exact["group"] == "")] if declared else exact.head(0)
    assert Attack(world, [first.counts, second.counts]).leaks(exact, told=Attack(world, [told])) == []


@often
@given(world=worlds(bases=True, most=4))
def test_nor_by_holding_report_years_against_diagnosis_years(world: World) -> None:
    exact = frame(world.figures())
    assert Attack(world, [protect(exact).counts]).leaks(exact) == []


@often
@given(world=worlds(most=4), data=st.data())
def test_nor_with_the_bulletin_of_the_city_in_hand(world: World, data: st.DataObject) -> None:
    exact = frame(world.figures())
    large = exact[(exact["place"] == CITY) & (exact["numerator"] >= 10)]
    drawn = np.array([data.draw(st.booleans()) for _row in range(len(large))], dtype=bool)
    known = large[drawn].assign(counts=counts.KNOWN)
    made = disclosure.protect(pd.concat([exact, known]), dataset(EMPTY), "public", NOTHING)
    assert not (made.counts["counts"] == counts.KNOWN).any()
    if (
        made.facts["exposed"] == 0
    ):  # else the bulletin tells a small count of the city, and the zeros of districts tell whose it is
        assert Attack(world, [made.counts, known]).leaks(exact, told=Attack(world, [known])) == []


@often
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1, 4, 30]), city=st.booleans())
def test_nor_of_groups_in_two_dimensions(seed: int, scale: int, city: bool) -> None:
    """Cases by sex and by age, never by both, in blocks of years below city level, with the hierarchy of places."""
    number = np.random.default_rng(seed)
    atoms = [
        ("new_cases", "n", place, str(year), "report", key, f"{sex};{age}", int(number.poisson(scale / (1 + at + 2 * of))))
        for place in [*DISTRICTS[:2], *[CITY] * city] for year in range(2016, 2021)
        for at, key in enumerate(KEYS[:1]) for of, sex in enumerate(("sex=1", "sex=2")) for age in ("age=1", "age=2")
    ]  # fmt: skip
    world_ = world(atoms, DISTRICTS[:2])
    exact = frame(world_.figures())
    made = protect(exact[exact["key"].isin(["total", *KEYS[:1]]) & ((exact["group"] == "") | (exact["key"] == "total"))]).counts
    groups = made[(made["group"] != "") & (made["numerator"].notna() | made["hidden"]) & (made["place"] != CITY)]
    total = world_.atoms[world_.atoms["place"] == DISTRICTS[0]]["n"].sum()
    assert total >= 400 or groups.loc[groups["place"] == DISTRICTS[0], "period"].str.contains("..", regex=False).all()
    assert Attack(world_, [made]).leaks(exact[exact["group"].eq("") | exact["key"].eq("total")]) == []


@often
@given(data=st.data())
def test_nor_of_a_finding_by_groups(data: st.DataObject) -> None:
    """Rule 9 by sex: all or none of fewer than 10, and the complements, from the margins of both dimensions."""
    pairs = st.tuples(st.integers(0, 7), st.integers(0, 30))
    atoms = [
        ("suspected", part, place, "2021", "", "", sex, n)
        for place, sex in product(DISTRICTS[:2], ("sex=1", "sex=2"))
        for part, n in zip("nc", data.draw(pairs), strict=True)
    ]
    world_ = world(atoms, DISTRICTS[:2])
    exact = frame(world_.figures(), "finding")
    made = protect(exact).counts
    assert Attack(world_, [made]).leaks(exact) == []
    few = made.merge(exact, on=counts.KEYS, suffixes=("", "_true"))
    few = few[
        few["denominator_true"].between(1, 9) & few["numerator_true"].isin([0])
        | (few["numerator_true"] == few["denominator_true"])
    ]
    assert few.loc[few["denominator_true"].between(1, 9), "numerator"].isna().all()


@often
@given(data=st.data())
def test_nor_of_a_finding_with_its_denominator(data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(0, 7), st.integers(0, 30))
    atoms = []
    for place, year in product(DISTRICTS, ("2021", "2022")):
        for part, n in zip("nc", data.draw(pairs), strict=True):
            atoms.append(("suspected", part, place, year, "", "", "", n))
    world_ = world(atoms)
    exact = frame(world_.figures(), "finding")
    assert Attack(world_, [protect(exact).counts]).leaks(exact) == []


def test_the_total_of_the_stars_is_printed_where_it_tells_nothing_and_given_to_the_attacker() -> None:
    """Rule 11, over several worlds: some totals are printed, none rules out a value, and each is the sum that it says."""
    printed = 0
    for seed in range(4):
        number = np.random.default_rng(seed)
        atoms = [("new_cases", "n", place, str(year), "report", key, "", int(number.poisson(mean)))
                 for place, size in zip(DISTRICTS, (9, 9, 30), strict=True) for year in range(2016, 2021)
                 for key, mean in zip(KEYS[:3], (size, size / 2, size / 3), strict=True)]  # fmt: skip
        world_ = world(atoms)
        exact = frame(world_.figures())
        made = protect(exact)
        attack = Attack(world_, [made.counts])
        rows = made.counts[made.counts["measure"] == "hidden_cases"]
        assert attack.totals == len(rows)
        assert attack.leaks(exact) == []
        assert (rows["numerator"] >= 10).all()
        printed += len(rows)
    assert printed


def test_a_total_of_stars_that_would_tell_a_count_is_not_printed() -> None:
    """3 and 12 hidden in one year: together 15, less what can be told otherwise, would leave too little room."""
    atoms = [("new_cases", "n", place, "2021", "report", key, "", n)
             for place, row in zip(DISTRICTS[:2], ([3, 1], [2, 1]), strict=True)
             for key, n in zip(KEYS, row, strict=False)]  # fmt: skip
    made = protect(frame(world(atoms, DISTRICTS[:2]).figures()))
    assert not (made.counts["measure"] == "hidden_cases").any()


def test_the_attack_finds_the_counts_of_a_step_that_hides_nothing_or_small_ones_only() -> None:
    atoms = [("new_cases", "n", place, "2021", "report", key, "", n)
             for place, row in zip(DISTRICTS, ([3, 20], [12, 30], [9, 14]), strict=True)
             for key, n in zip(KEYS, row, strict=False)]  # fmt: skip
    world_ = world(atoms)
    exact = frame(world_.figures())
    small = exact["numerator"].between(1, 4)
    only = exact.assign(hidden=small, numerator=exact["numerator"].mask(small))
    assert "new_cases/990101/2021/report/pneumoconiosis/ = 3: only [3]" in Attack(world_, [only]).leaks(exact)
    assert Attack(world_, [protect(exact).counts]).leaks(exact) == []
