from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohstats import rates
from ohstats.errors import CountError

ORACLE = Path(__file__).parent / "oracle"
counts = st.integers(0, 60)


def two_rates(a, t1, b, t2, **options):
    names = {"events": "a", "population": "t1", "reference_events": "b", "reference_population": "t2"}
    return rates.ratio_of_rates(pd.DataFrame({"a": [a], "t1": [t1], "b": [b], "t2": [t2]}), **names, **options).iloc[0]


def two_shares(function, a, n1, b, n2, **options):
    names = {"numerator": "a", "denominator": "n1", "reference_numerator": "b", "reference_denominator": "n2"}
    return function(pd.DataFrame({"a": [a], "n1": [n1], "b": [b], "n2": [n2]}), **names, **options).iloc[0]


@pytest.mark.oracle
def test_rate_ratios_agree_with_r():
    for case in pd.read_csv(ORACLE / "two_rates.csv").itertuples():
        row = two_rates(case.a, case.t1, case.b, case.t2)
        expected = (case.rr, case.exact_lo, case.exact_hi, case.exact_p)
        assert tuple(row[["value", "lower", "upper", "p"]]) == pytest.approx(expected, rel=1e-9)


# R 4.2.2: poisson.test(c(a, b), c(t1, t2), conf.level = level)
@pytest.mark.parametrize(
    ("case", "level", "expected"),
    [
        ((1200, 1e5, 1100, 1.1e5), 0.95, (1.2, 1.10480781987712, 1.30349167280918, 1.26974031454302e-05)),
        ((7, 3.5, 9, 1.25), 0.99, (0.277777777777778, 0.0615985940272931, 1.15468421065025, 0.0182218052762908)),
        ((0, 10, 5, 12), 0.95, (0, 0, 1.30953492621905, 0.0676866334266785)),
        ((40, 5, 40, 5), 0.95, (1, 0.628791517945627, 1.59035224149839, 1)),
    ],
)
def test_more_rate_ratios_agree_with_r(case, level, expected):
    row = two_rates(*case, confidence=level)
    assert tuple(row[["value", "lower", "upper", "p"]]) == pytest.approx(expected, rel=1e-9)


def test_rate_ratio_without_reference_events_keeps_its_lower_limit():
    row = two_rates(5, 10, 0, 12)  # R 4.2.2: poisson.test(c(5, 0), c(10, 12))
    assert np.isnan(row["value"])
    assert (row["lower"], row["upper"], row["p"]) == pytest.approx((1.09962702877855, np.inf, 0.0194037913455986), rel=1e-9)
    assert row["note"] == "no reference events: the ratio has no upper limit"


def test_rate_ratio_without_events_or_population_is_missing():
    for case, note in (((0, 1, 0, 1), "no events"), ((3, 0, 4, 5), "denominator is 0"), ((3, 5, 4, 0), "denominator is 0")):
        row = two_rates(*case)
        assert np.isnan(row[["value", "lower", "upper", "p"]].astype(float)).all()
        assert row["note"] == note


@pytest.mark.oracle
def test_differences_and_fisher_p_agree_with_r():
    for case in pd.read_csv(ORACLE / "two_proportions.csv").itertuples():
        row = two_shares(rates.difference, case.a, case.n1, case.b, case.n2)
        expected = (100 * case.diff, 100 * case.newcombe_lo, 100 * case.newcombe_hi)
        assert tuple(row[["value", "lower", "upper"]]) == pytest.approx(expected, rel=1e-9)
        row = two_shares(rates.fisher_midp, case.a, case.n1, case.b, case.n2)
        assert row["p_fisher"] == pytest.approx(case.fisher_p, rel=1e-9)
        if np.isfinite(case.fisher_or):  # R's root finder stops at about 1e-4; NaN and a note here where R says Inf
            assert row["value"] == pytest.approx(case.fisher_or, rel=1e-4)


# R 4.2.2, epitools 0.5-10.1: ormidp.test(a, n1 - a, b, n2 - b)$two.sided; oddsratio.midp limits (root finder, about
# 1e-3)
@pytest.mark.parametrize(
    ("case", "p", "limits"),
    [
        ((1, 60, 6, 55), 0.0489625787431893, (0.00588676054273447, 0.992607215372371)),
        ((12, 60, 5, 58), 0.0863181948465965, (0.87683922364552, 8.84302739705815)),
        ((3, 20, 9, 25), 0.130730669584895, (0.0606677422516509, 1.36838133579645)),
        ((2, 100, 2, 102), 0.985074626865671, (0.104509649825936, 9.96107709528362)),
        ((0, 15, 4, 20), 0.0925324675324676, None),
        ((7, 7, 3, 9), 0.0104895104895104, None),
    ],
)
def test_mid_p_agrees_with_epitools(case, p, limits):
    row = two_shares(rates.fisher_midp, *case)
    assert row["p"] == pytest.approx(p, rel=1e-9)
    if limits:
        assert (row["lower"], row["upper"]) == pytest.approx(limits, rel=1e-3)


def test_odds_ratios_at_the_edge_are_0_or_missing_with_a_reason():
    none, all_of_them = two_shares(rates.fisher_midp, 0, 15, 4, 20), two_shares(rates.fisher_midp, 7, 7, 3, 9)
    assert (none["value"], none["lower"], none["note"]) == (0, 0, "")
    assert np.isnan(all_of_them["value"])
    assert all_of_them["upper"] == np.inf
    assert all_of_them["note"] == "the odds ratio has no upper limit"
    for case, note in (((0, 5, 0, 5), "no cases"), ((5, 5, 5, 5), "nothing but cases"), ((0, 0, 1, 5), "denominator is 0")):
        row = two_shares(rates.fisher_midp, *case)
        assert np.isnan(row[["value", "lower", "upper", "p", "p_fisher"]].astype(float)).all()
        assert row["note"] == note
    assert two_shares(rates.difference, 0, 0, 1, 5)["note"] == "denominator is 0"


def test_both_groups_are_checked():
    with pytest.raises(CountError, match=r"row 0: b=9, n2=8: more than n2"):
        two_shares(rates.difference, 1, 2, 9, 8)
    with pytest.raises(CountError, match=r"row 0: a=1.5, b=9: a count is not whole"):
        two_rates(1.5, 2, 9, 8)


@settings(deadline=None, max_examples=60)
@given(counts, counts, counts, counts)
def test_exchanged_groups_mirror_difference_ratio_and_p(a, b, more, further):
    n1, n2 = a + more + 1, b + further + 1
    row, mirror = (two_shares(rates.difference, *case) for case in ((a, n1, b, n2), (b, n2, a, n1)))
    assert row["lower"] <= row["value"] <= row["upper"]
    assert (row["value"], row["lower"]) == pytest.approx((-mirror["value"], -mirror["upper"]), abs=1e-9)
    row, mirror = (two_shares(rates.fisher_midp, *case) for case in ((a, n1, b, n2), (b, n2, a, n1)))
    if a + b:
        assert (row["p"], row["p_fisher"]) == pytest.approx((mirror["p"], mirror["p_fisher"]), rel=1e-9)
    if a and b:
        row, mirror = two_rates(a, n1, b, n2), two_rates(b, n2, a, n1)
        assert row["lower"] <= row["value"] <= row["upper"]
        assert (row["lower"], row["p"]) == pytest.approx((1 / mirror["upper"], mirror["p"]), rel=1e-9)
