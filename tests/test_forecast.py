from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ohstats import surveillance
from ohstats.errors import CountError, ParameterRefused
from ohstats.estimates import COLUMNS
from ohstats.surveillance import futures as module

ORACLE = Path(__file__).parent / "oracle"
NO_TREND = "too few years or cases for a trend: the mean of all years is carried on"
STEADY = [12, 9, 14, 8, 11, 10, 9, 12, 7, 10]


def table(counts, first=2010, **columns):
    return pd.DataFrame({"cases": counts, "year": range(first, first + len(counts)), **columns})


def ahead(counts, **options):
    return surveillance.forecast(table(counts), count="cases", year="year", **options)


def target(counts, **options):
    return surveillance.target_probability(table(counts), count="cases", year="year", **options)


@pytest.mark.oracle
def test_means_and_standard_errors_agree_with_r():
    given_ = pd.read_csv(ORACLE / "forecast_input.csv")
    expected = pd.read_csv(ORACLE / "forecast_expected.csv").set_index(["series", "method", "quantity"])["value"]
    options = {"count": "count", "year": "year", "by": "series"}
    found = surveillance.forecast(given_, horizon=2, draws=4000, **options).set_index(["series", "years_ahead"])
    known = module.outlook(given_, population=None, **options)
    for group, series in enumerate(known.groups.keys["series"]):
        for step in (1, 2):
            mean, se, low, high = (
                expected[series, f"poisson_glm_h{step}", name] for name in ("mean", "se_link", "plugin_pi_lo", "plugin_pi_hi")
            )
            row = found.loc[(series, step)]
            assert row["value"] == pytest.approx(mean, rel=1e-7)
            distance = known.last[group] + step - known.centre[group]
            ours = np.hypot(known.level_se[group], distance * known.slope_se[group])
            assert ours == pytest.approx(se, rel=1e-7)
            # plug-in limits leave the uncertainty of the fit out (and a dispersion below 1 narrows that of the fit)
            assert row["lower"] <= low + 1
            assert row["upper"] >= high - 1


@pytest.mark.oracle
def test_a_level_without_trend_has_the_negative_binomial_limits_of_r():
    # R: qnbinom(c(.025, .975), size = sum + 0.5, prob = n / (n + 1)) of the series, simulated here from 4 years
    counts = [41, 38, 30, 33]
    row = ahead(counts, draws=200_000).iloc[0]
    expected = stats.nbinom(sum(counts) + 0.5, 4 / 5).ppf([0.025, 0.975])
    assert [row["lower"], row["upper"]] == expected.tolist()
    assert row["value"] == np.mean(counts)
    assert row["note"] == NO_TREND
    nothing = [ahead([0] * years, draws=200_000)["upper"][0] for years in (1, 2)]
    assert nothing == [stats.nbinom(0.5, years / (years + 1)).ppf(0.975) for years in (1, 2)]


# The simulated level and slope follow t(n-2) scaled by the dispersion; the mean itself, not a count, is looked at here.
def test_simulated_means_follow_students_t():
    known = module.outlook(table([30, 12, 41, 18, 50, 22, 35]), count="cases", year="year", population=None, by=())
    mean, dispersion = module.futures(known, 0, np.array([2.0]), 400_000, np.random.default_rng(1))
    se = np.hypot(known.level_se, (known.last + 2 - known.centre) * known.slope_se) * np.sqrt(known.dispersion)
    found = (np.log(mean[0]) - np.log(known.mean(known.last + 2))) / se
    assert known.df.tolist() == [5.0]
    assert np.quantile(found, [0.025, 0.25, 0.9, 0.975]) == pytest.approx(stats.t(5).ppf([0.025, 0.25, 0.9, 0.975]), rel=0.02)
    assert dispersion[0] == known.dispersion[0] > 1


def test_counts_vary_by_the_dispersion_and_never_less_than_poisson_counts():
    rng = np.random.default_rng(5)
    for dispersion, variance in ((0.3, 40.0), (1.0, 40.0), (3.0, 120.0)):
        counts = module.simulated(np.full(200_000, 40.0), np.full(200_000, dispersion), rng)
        assert counts.mean() == pytest.approx(40, rel=0.01)
        assert counts.var() == pytest.approx(variance, rel=0.02)
        few = module.at_most(30, np.array([40.0]), np.array([dispersion]))[0]
        assert (counts <= 30).mean() == pytest.approx(few, abs=0.004)


# R: ppois(30, 40) -> 0.06169415311; pnbinom(30, size = 20, prob = 1/3) -> 0.1964138648
def test_chance_of_at_most_so_many_agrees_with_r():
    found = module.at_most(30, np.array([40.0, 40.0]), np.array([1.0, 3.0]))
    assert found == pytest.approx([0.06169415311, 0.1964138648], rel=1e-9)


def test_a_group_is_forecast_alike_alone_and_among_others():
    both = pd.concat([table(STEADY, place="B"), table([3, 1, 4, 1, 5, 9, 2, 6], place="A")]).sample(frac=1, random_state=1)
    options = {"count": "cases", "year": "year", "by": "place", "horizon": 2}
    found = surveillance.forecast(both, **options)
    alone = surveillance.forecast(both[both["place"] == "B"], **options)
    pd.testing.assert_frame_equal(found[found["place"] == "B"].reset_index(drop=True), alone)
    assert found["year"].tolist() == [2018, 2019, 2020, 2021]
    assert list(found.columns[2 : len(COLUMNS) + 2]) == list(COLUMNS)


def test_a_constant_population_changes_nothing_and_a_growing_one_is_carried_on():
    plain = ahead(STEADY)
    options = {"count": "cases", "year": "year", "population": "people"}
    with_people = surveillance.forecast(table(STEADY, people=700), **options)
    compared = ["value", "lower", "upper", "dispersion"]
    np.testing.assert_allclose(with_people[compared], plain[compared], rtol=1e-9)
    assert with_people["denominator"].tolist() == [700]
    doubled = surveillance.forecast(table(STEADY, people=[500] * 9 + [1000]), **options)
    assert doubled["value"][0] > 1.2 * plain["value"][0]
    short = surveillance.forecast(table([4, 4], people=[100, 200]), **options)
    assert short["value"].tolist() == pytest.approx([8 / 1.5])


@pytest.mark.parametrize(
    ("counts", "value", "upper"), [([0] * 15, 0.0, 0), ([0] * 4 + [6], 1.2, 4), ([5], 5.0, 13), ([7] * 4, 7.0, 14)]
)
def test_few_years_or_cases_are_forecast_without_trend(counts, value, upper):
    row = ahead(counts).iloc[0]
    assert row["note"] == NO_TREND
    assert row["value"] == pytest.approx(value)
    assert row["lower"] <= value <= row["upper"]
    assert row["upper"] == pytest.approx(upper, abs=1)


def test_a_constant_series_stays_within_poisson_limits():
    row = ahead([10] * 12).iloc[0]
    assert (row["value"], row["lower"], row["upper"]) == (pytest.approx(10), 4, 17)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=20))
def test_limits_are_whole_hold_the_mean_and_nest(counts):
    wide, narrow = (ahead(counts, confidence=level, draws=200) for level in (0.95, 0.5))
    for found in (wide, narrow):
        assert (found[["lower", "upper"]] % 1 == 0).all(axis=None)
        assert (found["lower"].between(0, found["value"]) & (found["value"] <= found["upper"])).all()
    assert (wide["lower"] <= narrow["lower"]).all()
    assert (wide["upper"] >= narrow["upper"]).all()


def test_a_target_is_likelier_the_higher_it_is_and_pace_leads_to_it():
    found = [target([50, 45, 41, 40, 34, 30, 29, 26], target=goal, deadline=2020).iloc[0] for goal in (5, 15, 25)]
    assert [row["value"] for row in found] == sorted(row["value"] for row in found)
    row = found[1]
    known = module.outlook(table([50, 45, 41, 40, 34, 30, 29, 26]), count="cases", year="year", population=None, by=())
    level = known.mean(known.last)[0]
    assert level * (1 + row["pace_needed"] / 100) ** 3 == pytest.approx(15)
    assert level * (1 + row["pace"] / 100) ** 3 == pytest.approx(row["forecast"])
    assert np.isnan(row["lower"])
    assert target(STEADY, target=0, deadline=2021)["pace_needed"].tolist() == [-100.0]


def test_targets_may_differ_by_group_and_the_chance_is_that_of_the_simulated_counts():
    both = pd.concat([table(STEADY, place="A", goal=8), table(STEADY, place="B", goal=12.5)])
    options = {"count": "cases", "year": "year", "by": "place"}
    found = surveillance.target_probability(both, target="goal", deadline=2020, **options)
    known = module.outlook(table(STEADY), count="cases", year="year", population=None, by=())
    rng = np.random.default_rng(9)
    counts = module.simulated(*module.futures(known, 0, np.array([1.0]), 100_000, rng), rng)[0]
    assert found["value"].tolist() == pytest.approx([100 * (counts <= goal).mean() for goal in (8, 12)], abs=1)


def test_after_the_deadline_there_is_no_chance_and_no_pace():
    row = target(STEADY, target=5, deadline=2019).iloc[0]
    assert row["note"] == "the deadline has passed"
    assert row[["value", "forecast", "forecast_lower", "forecast_upper", "pace_needed"]].isna().all()
    assert target([0] * 6, target=5, deadline=2020).iloc[0][["pace", "pace_needed"]].isna().all()


def test_faults_are_named():
    with pytest.raises(CountError) as error:
        surveillance.forecast(table([3, 4]).assign(year=2020), count="cases", year="year")
    assert str(error.value) == (
        "counts of 2 of 2 rows cannot be used\n  row 0: year=2020, cases=3: the year occurs more than once in its group"
        "\n  row 1: year=2020, cases=4: the year occurs more than once in its group"
    )
    with pytest.raises(CountError, match="row 1: year=missing: the year is missing or no number"):
        surveillance.forecast(table([3, 4]).assign(year=[2020, None]), count="cases", year="year")
    with pytest.raises(CountError, match="row 0: cases=missing: a count is missing"):
        ahead([None, 4])
    with pytest.raises(CountError, match="row 0: goal=-1: the number is negative"):
        surveillance.target_probability(table([1], goal=-1), count="cases", year="year", target="goal", deadline=2030)
    for options, text in (
        ({"horizon": 0}, "horizon is 0: give a whole number of years, at least 1"),
        ({"draws": 10}, "draws is 10: give at least 100"),
        ({"confidence": 1}, "confidence is 1: give a share between 0 and 1"),
    ):
        with pytest.raises(ParameterRefused, match=f"^{text}$"):
            ahead(STEADY, **options)
    with pytest.raises(ParameterRefused, match="results have columns of their own named year"):
        surveillance.forecast(table(STEADY), count="cases", year="year", by="year")
    with pytest.raises(ParameterRefused, match=r"^target is -1: give a finite number from 0 up$"):
        target(STEADY, target=-1, deadline=2030)


def test_an_empty_table_is_answered_with_a_reason():
    empty = table([])
    for found in (ahead([]), target([], target=3, deadline=2030)):
        assert found["note"].tolist() == ["no years"]
        assert found[["value", "lower", "upper"]].isna().all(axis=None)
    assert len(surveillance.forecast(empty.assign(place=[]), count="cases", year="year", by="place")) == 0
