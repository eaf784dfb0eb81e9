from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from ohstats import limits, rates
from ohstats.errors import CountError, ParameterRefused
from ohstats.estimates import COLUMNS

ORACLE = Path(__file__).parent / "oracle"
counts = st.integers(0, 2_000_000)


def share(x, n, **options):
    return rates.proportion(pd.DataFrame({"x": [x], "n": [n]}), numerator="x", denominator="n", **options).iloc[0]


def per(x, n, **options):
    return rates.rate(pd.DataFrame({"x": [x], "n": [n]}), events="x", population="n", **options).iloc[0]


@pytest.mark.oracle
@pytest.mark.parametrize(("method", "column"), [("wilson", "wilson"), ("clopper-pearson", "exact")])
def test_proportion_limits_agree_with_r(method, column):
    for case in pd.read_csv(ORACLE / "proportion_ci.csv").itertuples():
        row = share(case.x, case.n, method=method, confidence=case.conf)
        expected = 100 * getattr(case, f"{column}_lo"), 100 * getattr(case, f"{column}_hi")
        assert (row["lower"], row["upper"]) == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.oracle
def test_rate_limits_agree_with_r():
    for case in pd.read_csv(ORACLE / "rate_ci.csv").itertuples():
        row = per(case.x, case.pop, multiplier=case.multiplier, confidence=case.conf)
        assert (row["value"], row["lower"], row["upper"]) == pytest.approx((case.rate, case.phe_lo, case.phe_hi), rel=1e-9)
        assert row["method"] == {"Exact": "poisson-exact", "Byars": "byar"}[case.phe_method]
        row = per(case.x, case.pop, multiplier=case.multiplier, confidence=case.conf, method="exact")
        assert (row["lower"], row["upper"]) == pytest.approx((case.exact_lo, case.exact_hi), rel=1e-9)
        assert row["method"] == "poisson-exact"


def test_published_percentages_are_what_their_counts_give():
    for case in pd.read_csv(ORACLE / "indicators.csv").itertuples():
        value = share(case.numerator_or_new, case.denominator_or_old)["value"]
        assert value == pytest.approx(case.value_unrounded, abs=1e-5)
        printed_right = abs(value - case.published) <= 0.5 * 10**-case.decimals + 1e-9
        assert printed_right == (case.check == "agrees"), case.case_id


def test_estimate_frame_has_the_agreed_columns_in_order():
    table = pd.DataFrame({"place": ["b", "a", "a"], "x": [1, 2, 3], "n": [10, 10, 10]})
    found = rates.proportion(table, numerator="x", denominator="n", by=["place"])
    assert list(found.columns) == ["place", *COLUMNS]
    assert found["place"].tolist() == ["a", "b"]
    assert found["numerator"].tolist() == [5, 1]
    assert found["denominator"].tolist() == [20, 10]
    assert (found["unit"] == "percent").all()
    assert list(rates.rate(table, events="x", population="n").columns) == list(COLUMNS)


def test_counts_are_pooled_not_averaged():
    table = pd.DataFrame({"x": [1, 90], "n": [1, 100]})
    assert rates.proportion(table, numerator="x", denominator="n")["value"].item() == pytest.approx(100 * 91 / 101, rel=1e-15)


def test_denominator_of_zero_is_missing_with_a_reason():
    for row in (share(0, 0), share(0, 0, method="clopper-pearson"), per(0, 0), per(3, 0)):
        assert np.isnan([row["value"], row["lower"], row["upper"]]).all()
        assert row["note"] == "denominator is 0"


@pytest.mark.parametrize("n", [1, 7, 73, 1_000_000])
@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
def test_none_and_all_end_exactly_at_0_and_100(n, method):
    assert share(0, n, method=method)["lower"] == 0.0
    assert share(n, n, method=method)["upper"] == 100.0
    assert share(0, n, method=method)["upper"] > 0
    assert share(n, n, method=method)["lower"] < 100


def test_value_is_the_correctly_rounded_percentage():
    assert share(29, 100)["value"] == 29.0
    assert share(57, 100)["value"] == 57.0


def test_plain_counts_are_cases_with_exact_limits_on_request():
    row = rates.rate(pd.DataFrame({"x": [26, 1]}), events="x", method="exact").iloc[0]
    # R 4.2.2: poisson.test(27, 98000)$conf.int * 98000 (tests/oracle/rate_ci.csv)
    assert (row["value"], row["unit"], row["method"]) == (27, "cases", "poisson-exact")
    assert (row["lower"], row["upper"]) == pytest.approx((0.98 * 18.1562960528212, 0.98 * 40.0852882093491), rel=1e-9)
    assert np.isnan(row["denominator"])


def test_huge_counts_have_finite_limits_around_them():
    row = per(1_000_000, 3_000_000)
    assert row["lower"] < row["value"] < row["upper"] < 1.01 * row["value"]


def test_empty_table_has_no_groups_or_one_missing_row():
    table = pd.DataFrame({"place": pd.Series([], dtype=str), "x": pd.Series([], dtype=int), "n": pd.Series([], dtype=int)})
    assert len(rates.proportion(table, numerator="x", denominator="n", by=["place"])) == 0
    assert rates.proportion(table, numerator="x", denominator="n")["note"].tolist() == ["denominator is 0"]


def test_missing_key_is_a_group_and_empty_categories_are_none():
    table = pd.DataFrame({"place": pd.Categorical(["a", None, "a"], categories=["a", "z"]), "x": [1, 2, 3], "n": [4, 4, 4]})
    found = rates.proportion(table, numerator="x", denominator="n", by="place")
    assert found["numerator"].tolist() == [4, 2]
    assert found["place"].isna().tolist() == [False, True]


def test_faulty_counts_are_all_named_and_the_table_is_untouched():
    table = pd.DataFrame(
        {"examined": [88, 101, np.nan, -1, 1.5, np.inf, "many"], "due": [100, 100, 5, 5, 5, np.inf, 5]}, index=list("abcdefg")
    )
    before = table.copy()
    with pytest.raises(CountError) as caught:
        rates.proportion(table, numerator="examined", denominator="due")
    assert str(caught.value).split("\n  ") == [
        "counts of 6 of 7 rows cannot be used",
        "row b: examined=101, due=100: more than due",
        "row c: examined=missing, due=5: a count is missing",
        "row d: examined=-1, due=5: a count is negative",
        "row e: examined=1.5, due=5: a count is not whole",
        "row f: examined=inf, due=inf: a count is infinite",
        "row g: examined=many, due=5: a count is missing",
    ]
    pd.testing.assert_frame_equal(table, before)


def test_faulty_populations_are_named():
    table = pd.DataFrame({"x": [1, 1, 1], "n": [np.nan, -2.5, np.inf]})
    with pytest.raises(CountError) as caught:
        rates.rate(table, events="x", population="n")
    assert str(caught.value).split("\n  ") == [
        "counts of 3 of 3 rows cannot be used",
        "row 0: n=missing: the population is missing",
        "row 1: n=-2.5: the population is negative",
        "row 2: n=inf: the population is infinite",
    ]


def test_unknown_options_say_what_exists():
    table = pd.DataFrame({"cases": [1], "due": [2]})
    with pytest.raises(ParameterRefused, match=r"there is no 'wald'; choose from: wilson, clopper-pearson"):
        rates.proportion(table, numerator="cases", denominator="due", method="wald")
    with pytest.raises(ParameterRefused, match=r"confidence is 95: give a share between 0 and 1"):
        rates.proportion(table, numerator="cases", denominator="due", confidence=95)
    with pytest.raises(ParameterRefused, match=r"'case': nearest are cases"):
        rates.rate(table, events="case")
    with pytest.raises(ParameterRefused, match=r"multiplier is 0"):
        rates.rate(table, events="cases", population="due", multiplier=0)
    with pytest.raises(ParameterRefused, match=r"columns of their own named value"):
        rates.rate(table.assign(value=1), events="cases", by=["value"])
    with pytest.raises(ParameterRefused, match=r"columns of their own named target"):
        rates.gap(table.assign(target=1), numerator="cases", denominator="due", target=9, by=["target"])


def missing(x, n, target, comparator=">="):
    table = pd.DataFrame({"x": [x], "n": [n]})
    return rates.gap(table, numerator="x", denominator="n", target=target, comparator=comparator).iloc[0]


@pytest.mark.parametrize(
    ("x", "n", "target", "comparator", "units", "met"),
    [
        (9496, 10_000, 95, ">=", 4, False),
        (95, 100, 95, ">=", 0, True),
        (95, 100, 95, ">", 1, False),
        (72, 73, 100, ">=", 1, False),
        (1, 3, Fraction(100, 3), ">=", 0, True),
        (1, 3, 33.34, ">=", 1, False),
        (29, 1000, 2.9, ">=", 0, True),  # as binary numbers 2.9 / 100 · 1000 is above 29
        (6, 100, 5, "<=", 1, False),
        (5, 100, 5, "<=", 0, True),
        (5, 100, 5, "<", 1, False),
        (0, 100, 0, "<=", 0, True),
        (3 * 10**14, 10**15, "30.0000000000001", ">=", 1, False),
    ],
)
def test_gap_is_exact(x, n, target, comparator, units, met):
    row = missing(x, n, target, comparator)
    assert (row["value"], row["met"], row["unit"], row["note"]) == (units, met, "units", "")


def test_gap_without_denominator_or_way_is_missing_with_the_reason():
    row = missing(0, 0, 95)
    assert np.isnan(row["value"])
    assert (row["met"] is pd.NA, row["note"]) == (True, "denominator is 0")
    for row in (missing(10, 10, 100, ">"), missing(0, 10, 0, "<")):
        assert np.isnan(row["value"])
        assert (row["met"], row["note"]) == (False, "no number of units meets the target")


@pytest.mark.parametrize("target", [101, -1, "many", np.nan, np.inf])
def test_targets_outside_0_to_100_are_refused(target):
    with pytest.raises(ParameterRefused, match=r"target is .*: give percent from 0 to 100"):
        missing(1, 2, target)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 1000))
def test_gap_is_the_fewest_units_that_meet_the_target(x, n, permille):
    x = min(x, n)
    row, share = missing(x, n, permille / 10), Fraction(permille, 1000)
    assert Fraction(x + int(row["value"]), n) >= share
    assert row["value"] == 0 or Fraction(x + int(row["value"]) - 1, n) < share
    assert row["met"] == (Fraction(x, n) >= share)


@pytest.mark.oracle
def test_target_tests_agree_with_r():
    words = {"above": "clearly above", "below": "clearly below", "not different": "compatible"}
    for case in pd.read_csv(ORACLE / "target_test.csv").itertuples():
        table = pd.DataFrame({"x": [case.x], "n": [case.n]})
        row = rates.target_test(table, numerator="x", denominator="n", target=round(100 * case.target)).iloc[0]
        expected = (case.p_two, case.p_less, case.p_greater)
        assert (row["p_two"], row["p_less"], row["p_greater"]) == pytest.approx(expected, rel=1e-9, abs=0)
        assert (row["certainty"], row["misses"]) == (words[case.wilson_class], case.n - case.x)
    row = rates.target_test(table.assign(x=0, n=0), numerator="x", denominator="n", target=85).iloc[0]
    assert (row["certainty"], np.isnan(row["p_two"])) == ("cannot judge", True)


# R 4.2.2: binom.test(x, n, p)$p.value, also with alternative "less" and "greater"
def test_binomial_tails_agree_with_r():
    cases = [(3, 10, 0.3), (0, 10, 0.3), (10, 10, 0.5), (5, 10, 0.5), (999, 1000, 0.99), (4000, 10_000, 0.41), (3, 7, 0)]
    x, n, p = np.array(cases).T
    less, greater, two = limits.binomial_tails(x, n, p)
    assert two == pytest.approx([1, 0.0388396033, 0.001953125, 1, 0.00113106959185197, 0.0420348584626645, 0], rel=1e-12)
    expected = [0.6496107184, 0.0282475249, 1, 0.623046875, 0.999956828752589, 0.0214342394234431, 1]
    assert less == pytest.approx(expected, rel=1e-12)
    assert greater[[0, 4, 5]] == pytest.approx([0.6172172136, 0.00047924445357892, 0.979590992457094], rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(counts, counts, st.sampled_from([0.8, 0.95, 0.998]), st.sampled_from(["wilson", "clopper-pearson"]))
def test_limits_contain_the_share_and_mirror_the_misses(first, second, confidence, method):
    x, n = min(first, second), max(first, second, 1)
    row, misses = (share(x, n, confidence=confidence, method=method), share(n - x, n, confidence=confidence, method=method))
    assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= 100
    assert (100 - misses["upper"], 100 - misses["lower"]) == pytest.approx((row["lower"], row["upper"]), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(counts, st.integers(1, 10**9), st.sampled_from(["phe", "exact"]))
def test_limits_contain_the_rate_and_scale_with_the_multiplier(x, n, method):
    row, scaled = per(x, n, method=method), per(x, n, method=method, multiplier=1000)
    assert 0 <= row["lower"] <= row["value"] < row["upper"]
    assert tuple(scaled[["value", "lower", "upper"]] * 100) == pytest.approx(tuple(row[["value", "lower", "upper"]]), rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5000))
def test_exact_limits_are_where_the_tails_hold_half_of_the_rest(x):
    lower, upper = limits.poisson_exact(np.array([x]))
    assert (poisson.sf(x - 1, lower).item(), poisson.cdf(x, upper).item()) == pytest.approx((0.025, 0.025), rel=1e-9)
