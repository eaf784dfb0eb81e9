import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohstats import trend
from ohstats.errors import CountError, ParameterRefused

CHAIN = ["examined", "suspected", "diagnosed"]
counts = st.tuples(st.integers(5, 10**6), st.integers(5, 10**5), st.integers(5, 10**5))


def split(first, last, **options):
    table = pd.DataFrame([first, last], columns=CHAIN[: len(first)]).assign(year=[2020, 2024])
    return trend.decomposition(table, chain=CHAIN[: len(first)], period="year", start=2020, end=2024, **options)


# By hand: L = (90 - 100) / ln(0.9) = 94.91221581; parts L·ln(1.5), L·ln(0.75), L·ln(0.8)
def test_parts_agree_with_a_hand_calculation():
    found = split((20_000, 400, 100), (30_000, 450, 90))
    assert found["part"].tolist() == ["change", "examined", "suspected per examined", "diagnosed per suspected"]
    mean = 94.9122158102991
    assert found["value"].tolist() == pytest.approx([-10, mean * np.log(1.5), mean * np.log(0.75), mean * np.log(0.8)], rel=1e-9)
    assert found["at_end"].tolist() == pytest.approx([90, 30_000, 0.015, 0.2], rel=1e-12)
    assert found[["numerator", "denominator"]].drop_duplicates().to_numpy().tolist() == [[90, 100]]


@settings(deadline=None, max_examples=80)
@given(counts, counts)
def test_parts_add_up_to_the_change_and_mirror_when_the_ends_are_exchanged(first, last):
    found, mirror = split(first, last, draws=100), split(last, first, draws=100)
    scale = max(first[2], last[2])
    assert found["value"][0] == last[2] - first[2]
    assert found["value"][1:].sum() == pytest.approx(found["value"][0], abs=1e-9 * scale)
    assert found["value"].tolist() == pytest.approx((-mirror["value"]).tolist(), abs=1e-9 * scale)
    assert (found["lower"] <= found["value"]).all()
    assert (found["value"] <= found["upper"]).all()


def test_equal_cases_split_without_a_gap_to_nearly_equal_ones():
    assert split((1000, 100, 50), (2000, 100, 50))["value"].tolist() == pytest.approx([0, 50 * np.log(2), -50 * np.log(2), 0])
    near = split((10**9, 10**9, 10**9), (10**9, 10**9, 10**9 + 1))["value"].tolist()
    assert near == pytest.approx([1, 0, 0, 1], abs=1e-6)


# Exact: the share of "diagnosed" draws; limits of ln(D1/D0) alone when the rest is known (huge): normal to first order
def test_limits_have_the_width_of_poisson_counts():
    found = split((10**9, 10**8, 400), (10**9, 10**8, 400), draws=40_000).set_index("part").loc["diagnosed per suspected"]
    assert (found["lower"], found["upper"]) == pytest.approx((-1.96 * np.sqrt(800), 1.96 * np.sqrt(800)), rel=0.03)


def test_same_seed_gives_the_same_limits_whatever_other_groups_there_are():
    table = pd.DataFrame({"place": list("aabb"), "year": [1, 2] * 2, "x": [50, 60, 9, 70], "y": [20, 30, 7, 40]})
    options = {"chain": ["x", "y"], "period": "year", "start": 1, "end": 2}
    both = trend.decomposition(table, **options, by=["place"])
    alone = trend.decomposition(table[2:], **options)
    assert both["upper"].tolist()[3:] == alone["upper"].tolist()
    assert trend.decomposition(table[2:], **options, seed=1)["upper"].tolist() != alone["upper"].tolist()


def test_blocks_of_years_are_pooled_to_cases_per_period():
    table = pd.DataFrame({"year": [1, 2, 3, 4], "x": [40, 60, 20, 10], "y": [3, 5, 6, 1]})
    found = trend.decomposition(table, chain=["x", "y"], period="year", start=[1, 2], end=[4])
    assert (found["note"] == "withheld: an input is below 5").all()
    found = trend.decomposition(table, chain=["x", "y"], period="year", start=[1, 2], end=[3, 4])
    assert found["value"][0] == -0.5
    assert found["at_start"].tolist() == [4, 50, 0.08]
    found = trend.decomposition(table, chain=["x", "y"], period="year", start=[1, 2], end=3)
    assert found["value"][0] == 2


def test_small_or_absent_inputs_are_withheld_with_the_reason():
    found = split((1000, 100, 50), (2000, 100, 4))
    assert found["value"].isna().all()
    assert (found["note"] == "withheld: an input is below 5").all()
    table = pd.DataFrame({"year": [2020], "x": [50], "y": [20]})
    found = trend.decomposition(table, chain=["x", "y"], period="year", start=2020, end=2024)
    assert (found["note"] == "withheld: no data at one end").all()


def test_impossible_questions_are_refused():
    table = pd.DataFrame({"year": [1, 2], "x": [50, 60], "y": [20, np.nan]})
    with pytest.raises(CountError, match=r"row 1: x=60, y=missing: a count is missing"):
        trend.decomposition(table, chain=["x", "y"], period="year", start=1, end=2)
    with pytest.raises(ParameterRefused, match=r"start and end share a period: 1"):
        trend.decomposition(table, chain=["x", "y"], period="year", start=1, end=[1, 2])
    with pytest.raises(ParameterRefused, match=r"chain is x: give at least two different columns"):
        trend.decomposition(table, chain=["x"], period="year", start=1, end=2)
