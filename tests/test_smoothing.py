from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma

from ohstats import surveillance
from ohstats.errors import CountError, ParameterRefused

ORACLE = Path(__file__).parent / "oracle"
SIZE = {"events": "x", "population": "n", "by": "area"}
ALIKE = "no variation between places beyond chance: all get the overall value"
regions = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 10**6)), min_size=2, max_size=30)


def areas(rows):
    return pd.DataFrame({"area": range(len(rows)), "x": [x for x, _ in rows], "n": [n for _, n in rows]})


def parameter(method, quantity):
    table = pd.read_csv(ORACLE / "eb_parameters.csv").set_index(["method", "quantity"])["value"]
    return table[method, quantity]


@pytest.mark.oracle
def test_marshall_agrees_with_spdep():
    expected = pd.read_csv(ORACLE / "eb_expected.csv").set_index("area")
    found = surveillance.marshall(pd.read_csv(ORACLE / "eb_input.csv"), multiplier=1, **SIZE).set_index("area")
    np.testing.assert_allclose(found["value"], expected["marshall_eb"].loc[found.index], rtol=1e-9)
    np.testing.assert_allclose(found["raw"], expected["raw"].loc[found.index], rtol=1e-9)
    a, b = parameter("marshall", "a"), parameter("marshall", "b")
    np.testing.assert_allclose(found["own_share"], a / (a + b / found["denominator"]), rtol=1e-9)


@pytest.mark.oracle
def test_poisson_gamma_agrees_with_dcluster():
    expected = pd.read_csv(ORACLE / "eb_expected.csv").set_index("area")
    found = surveillance.poisson_gamma(pd.read_csv(ORACLE / "eb_input.csv"), **SIZE).set_index("area")
    # DCluster stops its iteration early: 1e-7, as for all iterated fits
    np.testing.assert_allclose(found["value"], expected["pg_smthrr"].loc[found.index], rtol=1e-7)
    assert found["prior_shape"].iloc[0] == pytest.approx(parameter("poisson_gamma", "nu"), rel=1e-7)
    assert found["prior_rate"].iloc[0] == pytest.approx(parameter("poisson_gamma", "alpha"), rel=1e-7)
    row = found.loc["G5"]
    prior = gamma(row["prior_shape"] + row["numerator"], scale=1 / (row["prior_rate"] + row["denominator"]))
    assert (row["lower"], row["upper"]) == pytest.approx(prior.ppf([0.025, 0.975]), rel=1e-9)


def test_expected_cases_may_be_given_instead_of_people():
    table = pd.read_csv(ORACLE / "eb_input.csv")
    table["mean"] = table["n"] * table["x"].sum() / table["n"].sum()
    given_ = surveillance.poisson_gamma(table, events="x", expected="mean", by="area")
    pd.testing.assert_frame_equal(given_, surveillance.poisson_gamma(table, **SIZE))


# rates 10, 11 and 9 per 1000: variance 0.46e-6 against 10e-6 by chance, so it is floored at 0
# R: poisson.test(30, 3000)$conf.int -> 0.0067469580071403 0.0142756217982692
@pytest.mark.parametrize("smooth", [surveillance.marshall, surveillance.poisson_gamma])
def test_places_that_vary_by_chance_only_get_the_overall_value(smooth):
    found = smooth(areas([(10, 1000), (11, 1000), (9, 1000)]), **SIZE)
    scale = 1000 if smooth is surveillance.marshall else 1.0
    assert found["note"].tolist() == [ALIKE] * 3
    assert found["own_share"].tolist() == [0.0] * 3
    assert found["value"].tolist() == pytest.approx([scale] * 3)
    assert found["lower"].tolist() == pytest.approx([scale * 0.67469580071403] * 3, rel=1e-9)
    assert found["upper"].tolist() == pytest.approx([scale * 1.42756217982692] * 3, rel=1e-9)


def test_no_people_no_cases_and_one_place_are_answered_with_a_reason():
    empty = surveillance.marshall(areas([(3, 1000), (20, 900), (0, 0)]), **SIZE)
    assert empty["note"].tolist() == ["", "", "denominator is 0"]
    assert empty.loc[2, ["value", "lower", "upper", "raw", "own_share"]].isna().all()
    rates = surveillance.marshall(areas([(0, 1000), (0, 2000)]), **SIZE)
    assert rates["value"].tolist() == [0.0, 0.0]
    assert rates["upper"].tolist() == pytest.approx([122.962648470465] * 2)  # R: 1e5 * poisson.test(0, 3000)$conf.int[2]
    risks = surveillance.poisson_gamma(areas([(0, 1000), (0, 0)]), **SIZE)
    assert risks["note"].tolist() == ["no cases in any place", "denominator is 0"]
    assert risks["value"].isna().all()
    assert surveillance.poisson_gamma(areas([(4, 100)]), **SIZE)["value"].tolist() == [1.0]
    assert surveillance.ranks(areas([(4, 100)]), draws=100, **SIZE)["value"].tolist() == [1.0]


@settings(deadline=None)
@given(regions)
def test_smoothed_rates_lie_between_own_and_overall_rate(rows):
    for found in (surveillance.marshall(areas(rows), **SIZE), surveillance.poisson_gamma(areas(rows), **SIZE)):
        there = found["value"].notna()
        assert there.all() or (found["note"] == "no cases in any place").all()
        inside = found["lower"].le(found["value"]) & found["value"].le(found["upper"])
        assert inside[there].all()
        assert found["own_share"].dropna().between(0, 1).all()
    overall = 1e5 * sum(x for x, _ in rows) / sum(n for _, n in rows)
    found = surveillance.marshall(areas(rows), **SIZE)
    low, high = np.minimum(found["raw"], overall), np.maximum(found["raw"], overall)
    assert found["value"].between(low * (1 - 1e-9), high * (1 + 1e-9)).all()


def test_ranks_put_clear_places_first_and_leave_small_ones_open():
    rows = [(300, 1000), (100, 1000), (90, 1000), (1, 10), (0, 5), (20, 1000)]
    found = surveillance.ranks(areas(rows), seed=3, **SIZE)
    assert found["value"].iloc[0] == 1
    assert found["value"].iloc[5] == 6
    width = found["upper"] - found["lower"]
    assert width.idxmax() in (3, 4)
    assert ((found["lower"] <= found["value"]) & (found["value"] <= found["upper"])).all()
    assert found["p_above"].iloc[0] > 0.999
    assert found["p_above"].iloc[5] < 0.001
    pd.testing.assert_frame_equal(found, surveillance.ranks(areas(rows), seed=3, **SIZE))


def test_ranks_of_equal_places_say_nothing():
    found = surveillance.ranks(areas([(10, 1000)] * 20), **SIZE)
    assert found["note"].unique().tolist() == ["no variation between places beyond chance: any place may have nearly any rank"]
    assert found["lower"].max() <= 2
    assert found["upper"].min() >= 19


def test_faults_are_named():
    with pytest.raises(CountError, match=r"row 1: x=0.5: a count is not whole"):
        surveillance.marshall(areas([(1, 10), (0.5, 10)]), **SIZE)
    with pytest.raises(CountError, match="row 0: n=-10: the population is negative"):
        surveillance.poisson_gamma(areas([(1, -10), (2, 10)]), **SIZE)
    for options in ({}, {"population": "n", "expected": "n"}):
        with pytest.raises(ParameterRefused, match=r"^give either population or expected$"):
            surveillance.poisson_gamma(areas([(1, 10)]), events="x", by="area", **options)
    with pytest.raises(ParameterRefused, match=r"^draws is 99: give at least 100$"):
        surveillance.ranks(areas([(1, 10)]), draws=99, **SIZE)
