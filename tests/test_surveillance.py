from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohstats import surveillance
from ohstats.errors import CountError, ParameterRefused
from ohstats.estimates import COLUMNS

ORACLE = Path(__file__).parent / "oracle"


def against(observed, **options):
    table = pd.DataFrame({"row": range(len(observed)), "cases": observed})
    for name, column in (("expected", "mean"), ("baseline", "before")):
        if name in options:
            table[column] = options[name]
            options[name] = column
    return surveillance.exceedance(table, observed="cases", by="row", **options)


@pytest.mark.oracle
def test_chances_and_alarms_against_known_numbers_agree_with_r():
    expected = pd.read_csv(ORACLE / "exceedance.csv")
    found = against(expected["observed"], expected=expected["expected"])
    np.testing.assert_allclose(found["p"], expected["p_ge"], rtol=1e-9)
    np.testing.assert_array_equal(found["alarm_from"], expected["min_alarm_0.05"])
    strict = against(expected["observed"], expected=expected["expected"], confidence=0.99)
    np.testing.assert_array_equal(strict["alarm_from"], expected["min_alarm_0.01"])


@pytest.mark.oracle
def test_chances_against_a_few_years_agree_with_r():
    expected = pd.read_csv(ORACLE / "exceedance_baseline.csv")
    table = expected.assign(row=range(len(expected)))
    options = {"observed": "observed", "baseline": "baseline", "baseline_years": "years", "by": "row"}
    found = surveillance.exceedance(table, **options)
    np.testing.assert_allclose(found["p"], expected["p_ge"], rtol=1e-9)
    np.testing.assert_allclose(found["q"], expected["q_bh"], rtol=1e-9)
    np.testing.assert_array_equal(found["alarm_from"], expected["min_alarm_0.05"])
    known = expected["baseline"] > 0
    for end in ("lower", "upper"):
        np.testing.assert_allclose(found[end][known], expected[end][known], rtol=1e-9)
    assert found["notable"].tolist() == (expected["q_bh"] <= 0.05).tolist()


# R: poisson.test(5, 1.2)$conf.int -> 1.62348639 11.66833208 divided by 1.2
def test_limits_of_the_ratio_are_exact_poisson_limits():
    row = against([5], expected=[1.2]).iloc[0]
    assert (row["value"], row["lower"], row["upper"]) == pytest.approx((5 / 1.2, 1.62348639 / 1.2, 11.66833208 / 1.2))
    assert row["unit"] == "ratio"
    assert row["method"] == "Poisson, exact"


def test_nothing_expected_makes_any_case_notable_without_a_chance():
    found = against([2, 0, 3], expected=[0, 0, 3])
    assert found["notable"].tolist() == [True, False, False]
    assert found["note"].tolist() == ["expected is 0: any case is notable", "expected is 0", ""]
    assert found.loc[:1, ["value", "lower", "upper", "p", "q", "alarm_from"]].isna().all(axis=None)
    assert found["q"][2] == found["p"][2]  # rows without a chance do not count among the tests


def test_a_baseline_without_cases_leaves_a_chance_but_no_ratio():
    row = against([4], baseline=[0], baseline_years=5).iloc[0]
    assert np.isnan(row["value"])
    assert row["note"] == "baseline has no cases"
    assert 0 < row["p"] < 0.01


def test_a_short_baseline_is_less_sure_than_a_known_number():
    short, long, known = (against([9], baseline=[4 * years], baseline_years=years)["p"][0] for years in (2, 2000, 200_000))
    assert short > long > 0
    assert known == pytest.approx(against([9], expected=[4.0])["p"][0], rel=1e-3)


def test_counts_are_summed_within_groups_and_the_input_is_untouched():
    table = pd.DataFrame({"place": ["B", "A", "B"], "cases": [1, 5, 2], "mean": [0.5, 2.0, 1.5]}, index=[7, 8, 9])
    before = table.copy(deep=True)
    found = surveillance.exceedance(table, observed="cases", expected="mean", by="place")
    assert found["numerator"].tolist() == [5, 3]
    assert found["denominator"].tolist() == [2.0, 2.0]
    assert list(found.columns[1 : len(COLUMNS) + 1]) == list(COLUMNS)
    pd.testing.assert_frame_equal(table, before)


@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0.01, 1000)), min_size=1, max_size=30))
def test_limits_hold_the_ratio_and_adjusting_never_lowers_a_chance(rows):
    found = against([x for x, _ in rows], expected=[mean for _, mean in rows])
    assert ((found["lower"] <= found["value"]) & (found["value"] <= found["upper"])).all()
    assert (found["q"] >= found["p"]).all()
    assert found["q"].between(0, 1).all()
    order = found.sort_values("p")
    assert order["q"].is_monotonic_increasing
    alarming = found["numerator"] >= found["alarm_from"]
    assert (alarming == (found["p"] <= 0.05 * (1 + 1e-12))).all()


def test_faults_of_all_rows_are_named():
    table = pd.DataFrame({"cases": [1, -2, 3], "mean": [1.0, 2.0, np.nan]})
    with pytest.raises(CountError) as error:
        surveillance.exceedance(table, observed="cases", expected="mean")
    assert str(error.value) == ("counts of 1 of 3 rows cannot be used\n  row 1: cases=-2: a count is negative")
    with pytest.raises(CountError, match="row 2: mean=missing: the number is missing"):
        surveillance.exceedance(table.assign(cases=1), observed="cases", expected="mean")
    table = pd.DataFrame({"cases": [1, 2], "before": [3, 4], "years": [5, 6]})
    with pytest.raises(CountError, match="row 0: years=5: it varies within its group"):
        surveillance.exceedance(table, observed="cases", baseline="before", baseline_years="years")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "give either expected, or baseline together with baseline_years"),
        ({"expected": "mean", "baseline": "before"}, "give either expected, or baseline together with baseline_years"),
        ({"baseline": "before"}, "give either expected, or baseline together with baseline_years"),
        ({"baseline": "before", "baseline_years": 0}, "baseline_years is 0: give a finite number from 0 up"),
        ({"expected": "mean", "fdr": 1}, "fdr is 1: give a share between 0 and 1"),
        ({"expected": "mean", "confidence": 95}, "confidence is 95: give a share between 0 and 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, text):
    table = pd.DataFrame({"cases": [1], "mean": [1.0], "before": [2]})
    with pytest.raises(ParameterRefused) as error:
        surveillance.exceedance(table, observed="cases", **options)
    assert str(error.value) == text


def test_public_names_are_all_there():
    assert set(surveillance.__all__) == {
        "exceedance", "forecast", "funnel", "holdout_score", "marshall", "poisson_gamma", "ranks", "shrunken_trend",
        "target_probability",
    }  # fmt: skip
    assert all(callable(getattr(surveillance, name)) for name in surveillance.__all__)
