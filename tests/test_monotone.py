from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohstats import trend
from ohstats.errors import CountError, ParameterRefused

ORACLE = Path(__file__).parent / "oracle"
MK = {"value": "tau", "s": "S", "var_s": "varS", "z": "z_cc", "p": "p_cc"}
SEN = {"value": "slope", "lower": "lo95", "upper": "hi95"}


@pytest.mark.oracle
def test_mann_kendall_and_sen_slope_agree_with_r():
    expected = pd.read_csv(ORACLE / "mk_expected.csv").set_index(["series", "method", "quantity"])["value"]
    for series, rows in pd.read_csv(ORACLE / "mk_input.csv").groupby("series"):
        found = trend.mann_kendall(rows["value"]).iloc[0]
        for column, quantity in MK.items():
            assert found[column] == pytest.approx(expected[series, "mk", quantity], rel=1e-9), (series, column)
        found = trend.sen_slope(rows["value"]).iloc[0]
        for column, quantity in SEN.items():
            assert found[column] == pytest.approx(expected[series, "sens_slope", quantity], rel=1e-9, abs=1e-12)


@pytest.mark.oracle
def test_cochran_armitage_agrees_with_r():
    expected = pd.read_csv(ORACLE / "cochran_armitage_expected.csv").set_index(["series", "quantity"])["value"]
    for series, rows in pd.read_csv(ORACLE / "cochran_armitage_input.csv").groupby("series"):
        row = trend.cochran_armitage(rows["x"], rows["n"], rows["score"]).iloc[0]
        assert (row["chi2"], row["p"]) == pytest.approx((expected[series, "chisq"], expected[series, "p"]), rel=1e-9)
        assert (row["lower"] > 0 or row["upper"] < 0) == (row["p"] < 0.05)


# R 4.2.2, coin 1.4-2: pvalue(independence_test(score ~ factor(case), distribution = "exact"))
@pytest.mark.parametrize(
    ("x", "n", "p", "asymptotic"),
    [
        ([0, 1, 0, 2, 3], [20, 25, 18, 30, 22], 0.0504483259864884, 0.0488803080808671),
        ([5, 3, 2, 1, 0], [12, 15, 9, 20, 11], 0.00321257345600702, 0.00275275995237977),
    ],
)
def test_small_counts_are_tested_exactly_as_coin_does(x, n, p, asymptotic):
    row = trend.cochran_armitage(x, n).iloc[0]
    assert (row["p"], row["p_exact"], row["p_asymptotic"]) == pytest.approx((p, p, asymptotic), rel=1e-9)
    assert row["method"] == "Cochran-Armitage, exact"
    assert np.isnan([row["lower"], row["upper"]]).all()
    mirror = trend.cochran_armitage(np.subtract(n, x), n, [-0.5, 0, 0.5, 1, 1.5]).iloc[0]
    assert (mirror["p"], mirror["value"]) == pytest.approx((p, -2 * row["value"]), rel=1e-9)


def test_exact_trend_agrees_with_counting_all_tables():
    x, n, scores = [3, 0, 1], [4, 5, 3], np.array([0, 1, 3])
    far, total, chance = {}, sum(x), 0
    expected = total * np.dot(scores, n) / sum(n)
    for table in product(*(range(size + 1) for size in n)):
        if sum(table) == total:
            far[table] = abs(np.dot(scores, table) - expected)
    weight = {table: np.prod([comb(size, k) for size, k in zip(n, table, strict=True)]) for table in far}
    chance = sum(weight[table] for table in far if far[table] >= far[tuple(x)] - 1e-9) / sum(weight.values())
    assert trend.cochran_armitage(x, n, scores)["p_exact"].item() == pytest.approx(chance, rel=1e-12)


def test_too_large_an_exact_task_falls_back_and_says_so():
    row = trend.cochran_armitage([400, 300, 1, 1, 0, 1], [10**6, 10**6, 9, 8, 7, 9], [1, 2, 3, 4, 5, 9]).iloc[0]
    assert row["note"] == "small counts, but too many for the exact test"
    assert row["p"] == row["p_asymptotic"]


def test_what_cannot_be_tested_is_missing_with_the_reason():
    cases = {
        "not tested: fewer than 4 values": trend.mann_kendall([1, 2, np.nan, 3]),
        "not tested: all values are equal": trend.mann_kendall([2, 2, 2, 2, 2]),
        "not estimable: fewer than 2 values": trend.sen_slope([4]),
        "not estimable: one group": trend.cochran_armitage([3, 0], [9, 0]),
        "not estimable: no cases": trend.cochran_armitage([0, 0, 0], [9, 9, 9]),
        "not estimable: nothing but cases": trend.cochran_armitage([9, 4], [9, 4]),
    }
    for note, frame in cases.items():
        assert (frame["note"].item(), np.isnan(frame["value"].item())) == (note, True)
        assert np.isnan(frame["p"].item() if "p" in frame else np.nan)
    assert trend.mann_kendall([])["note"].item() == "not tested: fewer than 4 values"


def test_sen_slope_has_limits_from_five_values_and_follows_the_times():
    row = trend.sen_slope([1, 2, 4, 8]).iloc[0]
    assert (row["note"], np.isnan(row["lower"])) == ("no limits: fewer than 5 values", True)
    assert trend.sen_slope([3] * 6)[["value", "lower", "upper"]].to_numpy().tolist() == [[0, 0, 0]]
    jumbled = trend.sen_slope([6, np.nan, 2, 4, 10, 12], [2003, 2004, 2001, 2002, 2005, 2006]).iloc[0]
    assert (jumbled["value"], jumbled["n"]) == (2, 5)


def test_impossible_values_times_and_counts_are_named():
    with pytest.raises(CountError, match=r"row 1: time=1, value=inf: the value is infinite"):
        trend.mann_kendall([1, np.inf, 3])
    with pytest.raises(CountError, match=r"row 0: time=5, value=1: the time occurs more than once"):
        trend.sen_slope([1, 2], [5, 5])
    with pytest.raises(CountError, match=r"row 1: x=3, n=2: more than n"):
        trend.cochran_armitage([1, 3], [2, 2])
    with pytest.raises(ParameterRefused, match=r"x, n and scores have \[2, 3\] values"):
        trend.cochran_armitage([1, 1], [2, 2], [1, 2, 3])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-50, 50), min_size=5, max_size=15))
def test_reversed_values_mirror_both_tests(values):
    forward, backward = trend.mann_kendall(values).iloc[0], trend.mann_kendall(values[::-1]).iloc[0]
    assert (forward["s"], forward["var_s"]) == (-backward["s"], backward["var_s"])
    forward, backward = trend.sen_slope(values).iloc[0], trend.sen_slope(values[::-1]).iloc[0]
    assert forward["lower"] <= forward["value"] <= forward["upper"]
    assert (forward["value"], forward["lower"]) == pytest.approx((-backward["value"], -backward["upper"]), abs=1e-9)
