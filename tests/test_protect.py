"""Protection held against an attacker with linear and integer programmes over everything published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attack import ATOM, Attack, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ohstats import counts, disclosure, reference
from ohstats.dataset import Dataset

CITY, DISTRICTS = "990100", ["990101", "990102", "990103"]
CATEGORIES = {row["key"]: row["parent"] for row in reference.table("categories").to_dict("records")}
HIGHER = frozenset({"radiation", "infectious", "tumour", "rest_combined"})
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


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A city with a few districts, years and diseases; most numbers are small."""
    districts = DISTRICTS[: draw(st.integers(1, 3))]
    first = draw(st.sampled_from([2016, 2018, 2021]))
    years = [str(first + step) for step in range(draw(st.integers(1, 6)))]
    keys = draw(st.lists(st.sampled_from(["pneumoconiosis", "noise_deafness", "skin", "acute_poisoning", "chronic_poisoning", "radiation"]),
                         min_size=1, max_size=4, unique=True))  # fmt: skip
    groups = draw(st.sampled_from([[""], [""], ["men", "women"]]))
    scale = draw(st.sampled_from([1, 4, 15]))
    places = [*districts, *draw(st.sampled_from([[], [CITY]]))]
    seed = draw(st.integers(0, 2**32 - 1))
    number = np.random.default_rng(seed).poisson
    size = {place: float(2.0 ** draw(st.integers(-1, 3))) for place in places}
    atoms = [
        ("new_cases", "n", place, year, "report", key, group, int(number(scale * size[place] / (1 + at))))
        for place in places for year in years for at, key in enumerate(keys) for group in groups
    ]  # fmt: skip
    return world(atoms, districts)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_no_value_of_a_hidden_count_can_be_ruled_out(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    exact = frame(world.figures())
    made = disclosure.protect(exact, dataset(tmp_path_factory.getbasetemp()), "public", NOTHING)
    assert made.facts["exposed"] == 0
    assert Attack(world, [made.counts]).leaks(exact) == []
