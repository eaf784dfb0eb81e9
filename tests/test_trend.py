from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from ohstats import trend
from ohstats.errors import CountError, ParameterRefused
from ohstats.estimates import COLUMNS

ORACLE = Path(__file__).parent / "oracle"
LIMITS = {"slope": "slope", "se": "se", "value": "apc"}
WALD = {**LIMITS, "lower": "apc_wald_lo", "upper": "apc_wald_hi"}
R_NAMES = {
    "quasipoisson": {"se": "se", "p": "p_t", "lower": "apc_t_lo", "upper": "apc_t_hi", "dispersion": "dispersion"},
    "poisson": {**WALD, "p": "p_wald", "dispersion": "pearson_dispersion"},
    "loglinear": {**LIMITS, "lower": "apc_lo", "upper": "apc_hi", "p": "p_t"},
    "negative_binomial": {**WALD, "dispersion": "alpha"},
}
R_METHODS = {"loglinear": "loglinear_ols", "negative_binomial": "negbin"}
series = st.lists(st.integers(0, 300), min_size=3, max_size=20).filter(lambda counts: sum(count > 0 for count in counts) > 1)


def change(counts, years=None, **options):
    table = pd.DataFrame({"cases": counts, "year": range(2000, 2000 + len(counts)) if years is None else years})
    return trend.percent_change(table, count="cases", year="year", **options)


@pytest.mark.oracle
@pytest.mark.parametrize("family", list(R_NAMES))
def test_percent_change_agrees_with_r(family):
    expected = pd.read_csv(ORACLE / "apc_expected.csv")
    expected = expected[expected["method"] == R_METHODS.get(family, family)]
    found = trend.percent_change(
        pd.read_csv(ORACLE / "apc_input.csv"), count="count", year="year", population="pop", by=["series"], family=family
    ).set_index("series")
    compared = 0
    for column, quantity in R_NAMES[family].items():
        for case in expected[expected["quantity"] == quantity].itertuples():
            assert found.loc[case.series, column] == pytest.approx(case.value, rel=1e-7, abs=0), (case.series, column)
            compared += 1
    assert compared >= {"negative_binomial": 6}.get(family, 30)


# statsmodels 0.15.0: GLM(count, [1, year - 2010], family=Poisson(), offset=log(pop)).fit(scale="X2", tol=1e-14)
def test_many_uneven_series_agree_with_statsmodels():
    random = np.random.default_rng(20240501)
    table = pd.concat(
        pd.DataFrame({
            "place": place, "year": (years := random.choice(np.arange(2000, 2025), size, replace=False)),
            "cases": random.poisson(random.choice([2, 40, 1e6]) * np.exp(random.normal(0, 0.1) * (years - 2012))),
            "workers": random.integers(1000, 90_000, size),
        }) for place, size in enumerate(random.integers(4, 21, 40))
    )  # fmt: skip
    table = table.reset_index(drop=True)
    found = trend.percent_change(table, count="cases", year="year", population="workers", by=["place"])
    for place, rows in table.groupby("place"):
        design = np.column_stack([np.ones(len(rows)), rows["year"] - 2010])
        fit = GLM(rows["cases"], design, family=families.Poisson(), offset=np.log(rows["workers"])).fit(scale="X2", tol=1e-14)
        assert tuple(found.loc[place, ["slope", "se", "dispersion"]]) == pytest.approx(
            (fit.params.iloc[1], fit.bse.iloc[1], fit.scale), rel=1e-9, abs=1e-13
        )


# Windows, changes and words as printed for China's notified cases (data read from the shared folder).
@pytest.mark.oracle
@pytest.mark.parametrize(
    ("first", "last", "points", "printed", "word"),
    [
        (2014, 2024, 10, (-10.7, -13.3, -8.1), "falling"),
        (2018, 2024, 6, (-12.7, -17.4, -7.8), "falling"),
        (2020, 2024, 4, None, "cannot tell"),
        (2006, 2013, 8, (14.0, 6.1, 22.4), "rising"),
        (2005, 2024, 19, (0.0, -3.2, 3.3), "roughly level"),
    ],
)
def test_national_series_gives_the_printed_changes(first, last, points, printed, word):
    cases = pd.read_csv(shared("domain", "national_new_cases.csv")).query("category == 'total'").dropna(subset="cases")
    assert trend.windows(cases["year"], [2006, 2014, 2026]) == [(2005, 2005), (2006, 2013), (2014, 2024)]
    row = trend.verdict(trend.percent_change(cases[cases["year"].between(first, last)], count="cases", year="year")).iloc[0]
    assert (row["n_points"], row["verdict"]) == (points, word)
    if printed:
        assert (row["value"], row["lower"], row["upper"]) == pytest.approx(printed, abs=0.05)


def test_columns_are_the_same_for_every_family():
    further = ["n_points", "first_year", "last_year", "slope", "se", "df", "dispersion", "p"]
    for family in trend.METHODS:
        assert list(change([5, 4, 9, 2], family=family).columns) == [*COLUMNS, *further]


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        ([7], "not estimable: one year"),
        ([0], "not estimable: one year"),
        ([0, 0, 0, 0], "not estimable: no cases"),
        ([0, 0, 9, 0], "not estimable: cases in one year only"),
        ([], "not estimable: no years"),
    ],
)
@pytest.mark.parametrize("family", list(trend.METHODS))
def test_what_cannot_be_estimated_is_missing_with_the_reason(counts, note, family):
    row = trend.verdict(change(counts, family=family)).iloc[0]
    assert np.isnan(row[["value", "lower", "upper", "slope", "se", "df", "p", "detectable_fall"]].astype(float)).all()
    assert (row["note"], row["verdict"], row["n_points"]) == (note, "cannot tell", len(counts))


def test_two_years_have_a_change_but_no_limits():
    for family in ("quasipoisson", "loglinear", "negative_binomial"):
        row = change([10, 20], family=family).iloc[0]
        assert row["value"] == pytest.approx(100, rel=1e-12)
        assert np.isnan([row["lower"], row["upper"], row["se"], row["p"]]).all()
        assert row["note"] == "no limits: two years only"


def test_perfect_fit_has_limits_equal_to_the_value_and_says_so():
    for family in ("quasipoisson", "loglinear"):
        constant, doubling = change([6] * 7, family=family).iloc[0], change([1, 2, 4, 8, 16], family=family).iloc[0]
        assert (constant["value"], constant["lower"], constant["upper"], constant["p"], constant["se"]) == (0, 0, 0, 1, 0)
        assert (doubling["lower"], doubling["upper"], doubling["p"]) == (doubling["value"], doubling["value"], 0)
        assert doubling["value"] == pytest.approx(100, rel=1e-12)
        assert constant["note"] == doubling["note"] == "perfect fit: no residual variation"
    told = trend.verdict(change([6] * 7)).iloc[0]
    assert told["verdict"] == "roughly level"
    assert np.isnan(told["detectable_fall"])


def test_zero_counts_get_one_half_in_the_log_linear_fit_and_no_other_count_does():
    # R 4.2.2: coef(lm(log(c(4, 0.5, 2, 8)) ~ I(0:3))): sum of (-1.5, -0.5, 0.5, 1.5) * log(y) / 5
    expected = (-1.5 * np.log(4) - 0.5 * np.log(0.5) + 0.5 * np.log(2) + 1.5 * np.log(8)) / 5
    assert change([4, 0, 2, 8], family="loglinear")["slope"].item() == pytest.approx(expected, rel=1e-12)


def test_negative_binomial_without_overdispersion_falls_back_and_says_so():
    row, quasi = change([10, 11, 9, 10, 12], family="negative_binomial").iloc[0], change([10, 11, 9, 10, 12]).iloc[0]
    assert row["method"] == quasi["method"] == "quasi-Poisson, t(n-2)"
    assert row["note"] == "negative binomial not estimable: quasi-Poisson instead"
    assert row["upper"] == quasi["upper"]


# R 4.2.2, MASS 7.3-58.2: glm.nb(y ~ t, control = glm.control(epsilon = 1e-14)): slope, its standard error, 1/theta
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([0, 1, 0, 0, 2, 0], (0.184610594883, 0.385760559706, 0.4540559049)),
        ([0, 50, 0, 0, 200, 3, 0, 1, 0], (-0.565712595886, 0.399391706098, 9.421692507529)),
        ([12, 30, 8, 25, 40, 11, 9, 60], (0.115452855869, 0.0977496518678, 0.3563037315126)),
    ],
)
def test_negative_binomial_agrees_with_glm_nb(counts, expected):
    row = change(counts, family="negative_binomial").iloc[0]
    assert tuple(row[["slope", "se", "dispersion"]]) == pytest.approx(expected, rel=1e-7)
    assert row["df"] == np.inf


def test_gaps_are_fitted_around_and_order_does_not_matter():
    counts, years = [50, 40, 44, 20], [2024, 2014, 2015, 2021]
    found, straight = change(counts, years), change([40, 44, 20, 50], [2014, 2015, 2021, 2024])
    pd.testing.assert_frame_equal(found, straight)
    assert found[["first_year", "last_year", "n_points"]].iloc[0].tolist() == [2014, 2024, 4]


def test_groups_do_not_disturb_each_other_and_missing_keys_are_a_group():
    table = pd.DataFrame(
        {"place": ["a", None, "a", None, "a", None, "b"], "year": [1, 1, 2, 2, 3, 3, 1], "cases": [5, 1, 9, 0, 4, 3, 2]}
    )
    before = table.copy()
    found = trend.percent_change(table, count="cases", year="year", by=["place"])
    pd.testing.assert_frame_equal(table, before)
    assert found["n_points"].tolist() == [3, 1, 3]
    assert found["value"].tolist()[0] == pytest.approx(change([5, 9, 4])["value"].item(), rel=1e-12)
    assert found["value"].tolist()[2] == pytest.approx(change([1, 0, 3])["value"].item(), rel=1e-12)


def test_years_given_twice_and_impossible_rows_are_named():
    table = pd.DataFrame({"place": list("aab"), "year": [2020, 2020, 2020], "cases": [3, 4, 5], "workers": [10, 0, -1]})
    with pytest.raises(CountError) as caught:
        trend.percent_change(table, count="cases", year="year", by=["place"])
    assert str(caught.value).split("\n  ") == [
        "counts of 2 of 3 rows cannot be used",
        "row 0: year=2020, cases=3: the year occurs more than once in its group",
        "row 1: year=2020, cases=4: the year occurs more than once in its group",
    ]
    with pytest.raises(
        CountError, match=r"row 1: workers=0: the population is 0\n  row 2: workers=-1: the population is negative"
    ):
        trend.percent_change(table, count="cases", year="year", population="workers")
    with pytest.raises(CountError, match=r"row 0: year=missing: the year is missing or no number"):
        change([1, 2, 3], [None, 2001, 2002])
    with pytest.raises(CountError, match=r"row 2: cases=missing: a count is missing"):
        change([1, 2, None])
    with pytest.raises(ParameterRefused, match=r"there is no 'gamma'; choose from: quasipoisson, poisson"):
        change([1, 2, 3], family="gamma")


@settings(deadline=None, max_examples=60)
@given(series)
def test_reversed_series_mirrors_the_trend_and_limits_contain_it(counts):
    forward, backward = change(counts).iloc[0], change(counts[::-1]).iloc[0]
    assert forward["lower"] <= forward["value"] <= forward["upper"]
    assert (forward["slope"], forward["se"]) == pytest.approx((-backward["slope"], backward["se"]), rel=1e-8, abs=1e-11)


@settings(deadline=None, max_examples=40)
@given(series, st.integers(2, 1000), st.integers(-3000, 3000))
def test_scale_and_origin_of_years_leave_the_trend_alone(counts, factor, shift):
    found, years = change(counts).iloc[0], [2000 + shift + step for step in range(len(counts))]
    moved = change([count * factor for count in counts], years).iloc[0]
    assert (moved["slope"], moved["se"]) == pytest.approx((found["slope"], found["se"]), rel=1e-7, abs=1e-11)
    assert moved["dispersion"] == pytest.approx(found["dispersion"] * factor, rel=1e-7, abs=1e-11)


def test_extreme_series_are_fitted_without_a_warning():
    assert change([0, 0, 1, 1_000_000, 0, 0])["note"].item() == ""
    assert change([1_000_000, 1, 0])["slope"].item() == pytest.approx(-13.815511, rel=1e-6)


# By hand from tables: se 0.05, df 4: t(.975) = 2.776445, t(.8) = 0.940965; infinite df: 1.959964 and 0.841621
def test_detectable_change_uses_t_and_the_power():
    frame = pd.DataFrame(
        {"value": 0.0, "lower": -9.0, "upper": 9.0, "level": 0.95, "se": 0.05, "df": 4.0, "n_points": 6}, index=[0]
    )
    row = trend.verdict(frame).iloc[0]
    assert row["detectable_rise"] == pytest.approx(100 * (np.exp((2.776445 + 0.940965) * 0.05) - 1), rel=1e-6)
    assert row["detectable_fall"] == pytest.approx(100 * (np.exp(-(2.776445 + 0.940965) * 0.05) - 1), rel=1e-6)
    normal = trend.verdict(frame.assign(df=np.inf)).iloc[0]
    assert normal["detectable_rise"] == pytest.approx(100 * (np.exp((1.9599640 + 0.8416212) * 0.05) - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("lower", "upper", "points", "word"),
    [
        (-9, -0.1, 5, "falling"),
        (0.1, 3, 5, "rising"),
        (-5, 5, 5, "roughly level"),
        (-3, 0, 5, "roughly level"),
        (-5.01, 5, 5, "cannot tell"),
        (-5, 5.01, 5, "cannot tell"),
        (0, 6, 5, "cannot tell"),
        (-9, -0.1, 4, "cannot tell"),
        (np.nan, np.nan, 9, "cannot tell"),
    ],
)
def test_words_follow_the_limits(lower, upper, points, word):
    frame = pd.DataFrame(
        {"value": 0.0, "lower": lower, "upper": upper, "level": 0.95, "se": 0.1, "df": 3.0, "n_points": points}, index=[0]
    )
    assert trend.verdict(frame)["verdict"].item() == word
    assert "verdict" not in frame


def test_windows_never_bridge_a_break():
    assert trend.windows([2024, 2010, 2011, 2013, 2013], [2012]) == [(2010, 2011), (2013, 2024)]
    assert trend.windows([2010, 2011], [2010, 2012]) == [(2010, 2011)]
    assert trend.windows([2010, 2011, 2012, 2016], [2012], minimum=2) == [(2010, 2011), (2012, 2016)]
    assert trend.windows([2010, 2014], [2012, 2013]) == [(2010, 2010), (2014, 2014)]
    assert trend.windows([], [2012]) == []
    with pytest.raises(ParameterRefused, match="minimum is 0"):
        trend.windows([2010], [], minimum=0)
