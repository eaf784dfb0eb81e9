from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from shared import shared

from ohstats import loglinear, surveillance, trend
from ohstats.errors import CountError, ParameterRefused
from ohstats.estimates import COLUMNS
from ohstats.surveillance import hierarchy
from ohstats.surveillance.holdout import log_probability

ORACLE = Path(__file__).parent / "oracle"
KEYS = {"count": "cases", "year": "year", "place": "place"}
COUNTS = np.array([[9, 7, 8, 5, 6, 4, 5, 3], [2, 0, 1, 1, 0, 2, 0, 1], [14, 15, 21, 12, 19, 18, 22, 21.0]])
NO_TREND = "not estimable: the region has no cases in two different years"


def table(*counts, first=2010):
    rows = [(place, first + year, cases) for place, series in enumerate(counts) for year, cases in enumerate(series)]
    return pd.DataFrame(rows, columns=["place", "year", "cases"])


def region(places, years=15, tau=0.05, seed=1, mean=6.0, dispersion=0.1):
    random = np.random.default_rng(seed)
    slope, when = random.normal(-0.04, tau, places), np.arange(years) - (years - 1) / 2
    level = random.exponential(mean, places)[:, None] * np.exp(slope[:, None] * when)
    return slope, table(*random.poisson(random.gamma(1 / dispersion, dispersion * level)))


def shrunken(data, **options):
    return surveillance.shrunken_trend(data, **KEYS, **options)


def poisson_places(data, population=None):
    codes = data["place"].astype("category").cat.codes.to_numpy(np.intp)
    columns = [data[name].to_numpy(float) for name in ("cases", "year")]
    places = hierarchy.places_of(loglinear.padded(codes, codes.max() + 1, *columns, population))
    return places, hierarchy.Noise(np.ones(len(places.total)), np.full(len(places.total), np.inf))


def directly(counts):
    """Posterior of each slope by plain summation over slope, mu and tau on dense grids, Poisson counts."""
    slope, when = np.arange(-2, 2.0005, 0.001), np.arange(counts.shape[1]) - (counts.shape[1] - 1) / 2
    shares = np.exp(slope[:, None] * when)
    log_likelihood = counts @ np.log(shares / shares.sum(axis=1, keepdims=True)).T
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    mu = np.linspace(-1, 1, 161)
    found = np.zeros(likelihood.shape)
    for tau in np.geomspace(0.001, 1.2, 60):
        normal = np.exp(-((slope - mu[:, None]) ** 2) / (2 * tau**2))
        normal /= normal.sum(axis=1, keepdims=True)
        marginal = normal @ likelihood.T
        prior = tau * np.exp(-((tau / 0.2) ** 2) / 2) * np.exp(-(mu**2) / (2 * 0.5**2))
        for place in range(len(counts)):
            others = np.delete(marginal, place, axis=1).prod(axis=1)
            found[place] += (prior * others) @ normal * likelihood[place]
    return slope, found / found.sum(axis=1, keepdims=True)


def test_slopes_agree_with_direct_summation(monkeypatch):
    places, noise = poisson_places(table(*COUNTS))
    monkeypatch.setattr(hierarchy, "_dispersion", lambda *_: noise)
    slopes = hierarchy.posterior(hierarchy.fit(places))
    slope, expected = directly(COUNTS)
    cumulated = expected.cumsum(axis=1) - expected / 2
    for level, found in zip((0.025, 0.5, 0.975), hierarchy.quantiles(slopes, [0.025, 0.5, 0.975]), strict=True):
        # 1e-3 of a slope: mu is integrated by normal approximation and the grids end somewhere
        assert found == pytest.approx([np.interp(level, each, slope) for each in cumulated], abs=1e-3)
    assert hierarchy.below_zero(slopes) == pytest.approx(expected[:, slope < 0].sum(axis=1), abs=3e-3)


# R: glm(cases ~ place + year + offset(log(people)), poisson), coefficient of year and its standard error
@pytest.mark.oracle
def test_without_spread_the_region_has_the_common_slope_of_r(monkeypatch):
    monkeypatch.setattr(hierarchy, "MU_SD", 1e6)
    data = pd.read_csv(ORACLE / "hierarchy_input.csv")
    places, noise = poisson_places(data, data["people"].to_numpy(float))
    guess = hierarchy._guess(places, noise, 1e-7, 0.0, np.zeros(4))
    guess = hierarchy._guess(places, noise, 1e-7, guess.mu, guess.mode)
    assert guess.mu == pytest.approx(-0.12315521510741084, rel=1e-5)
    assert np.sqrt(guess.mu_variance) == pytest.approx(0.04620718781733769, rel=1e-5)


def test_a_single_place_gets_its_own_quasi_poisson_trend():
    random = np.random.default_rng(3)
    for years in (8, 15):
        counts = random.poisson(random.gamma(5, 40 * np.exp(-0.06 * np.arange(years)) / 5))
        own = trend.percent_change(table(counts), count="cases", year="year").iloc[0]
        found = shrunken(table(counts)).iloc[0]
        assert own["dispersion"] > 1
        assert found["dispersion"] == pytest.approx(own["dispersion"], rel=0.01)
        assert found["value"] == pytest.approx(own["value"], abs=0.2)  # the priors of mu and tau pull a little
        # profile and Wald limits differ in the third digit, a normal quantile would by 7 and 20 %
        assert found["upper"] - found["lower"] == pytest.approx(own["upper"] - own["lower"], rel=0.03)
        assert found["own_share"] > 0.97


def test_limits_cover_the_true_slopes_and_are_narrower_than_the_own_ones():
    covered, ratio = [], []
    for seed in range(8):
        slope, data = region(60, seed=seed)
        found = shrunken(data)
        lower, upper = (np.log1p(found[end] / 100) for end in ("lower", "upper"))
        covered.append((lower <= slope) & (slope <= upper))
        own = trend.percent_change(data, count="cases", year="year", by="place")
        ratio.append(((found["upper"] - found["lower"]) / (own["upper"] - own["lower"])).median())
    assert 0.92 < np.mean(covered) < 0.98
    assert np.mean(ratio) < 0.75


def test_the_more_cases_the_more_of_the_trend_is_the_places_own():
    _slope, data = region(80)
    found = shrunken(data).sort_values("numerator")
    assert found["own_share"].between(0, 1).all()
    assert found["own_share"].corr(found["numerator"], method="spearman") > 0.95
    fell = found["upper"] < 0
    assert found.loc[fell, "p_falling"].gt(0.975).all()
    assert found.loc[~fell & (found["lower"] < 0), "p_falling"].between(0.0249, 0.9751).all()
    assert found["between"].nunique() == found["region_value"].nunique() == 1


def test_places_without_cases_get_the_trend_of_the_region():
    data = table(*COUNTS, [0] * 8)
    data = pd.concat([data, pd.DataFrame({"place": [9], "year": [2012], "cases": [7]})])
    found = shrunken(data).set_index("place")
    assert found["note"].to_dict() == {
        0: "", 1: "", 2: "", 3: "no cases: the trend of the region", 9: "one year: the trend of the region"
    }  # fmt: skip
    for place in (3, 9):
        row = found.loc[place]
        assert row["own_share"] < 0.02
        assert row["value"] == pytest.approx(row["region_value"], abs=0.5)
        assert row["lower"] < row["region_lower"] < row["region_upper"] < row["upper"]
    with_them, without = found.loc[:2, "value"], shrunken(table(*COUNTS))["value"]
    np.testing.assert_allclose(with_them, without, atol=0.02)  # they tell nothing; the grid of tau may end elsewhere


@pytest.mark.parametrize(
    "counts", [[[0] * 5], [[0] * 5, [0] * 5], [[4]], [[0, 0, 3], [0, 0, 0]], [[5, 0, 0], [2, 0, 0]], [[5], [7]]]
)
def test_a_region_without_a_trend_is_not_estimated(counts):
    found = shrunken(table(*counts))
    assert found["note"].tolist() == [NO_TREND] * len(counts)
    assert found[["value", "lower", "upper", "p_falling", "own_share", "region_value"]].isna().all(axis=None)


def test_equal_slopes_of_huge_counts_are_found_and_different_ones_kept_apart():
    same = np.rint(1e6 * np.exp(-0.03 * np.arange(12)))
    found = shrunken(table(same, same // 2, same // 7, [3, 1, 2, 0, 1, 2, 1, 3, 2, 1, 0, 2]))
    assert found["value"].to_numpy() == pytest.approx(100 * np.expm1(-0.03), abs=0.15)
    other = np.rint(1e6 * np.exp(0.05 * np.arange(12)))
    found = shrunken(table(same, other))
    assert found["value"].tolist() == pytest.approx([100 * np.expm1(-0.03), 100 * np.expm1(0.05)], abs=0.01)
    assert found["own_share"].gt(0.999).all()
    assert found["region_lower"].iloc[0] < -2.9
    assert found["region_upper"].iloc[0] > 5


def test_level_order_and_calendar_do_not_matter():
    _slope, data = region(12, years=8)
    found = shrunken(data)
    mixed = shrunken(data.sample(frac=1, random_state=2).assign(year=lambda each: each["year"] + 1000))
    pd.testing.assert_frame_equal(found, mixed)
    backwards = shrunken(data.assign(year=-data["year"]))
    np.testing.assert_allclose(np.log1p(backwards["lower"] / 100), -np.log1p(found["upper"] / 100), atol=2e-3)
    people = shrunken(data.assign(people=1000 * (1 + data["place"])), population="people")
    np.testing.assert_allclose(people["value"], found["value"], atol=1e-6)
    assert people["denominator"].tolist() == [8000 * (1 + place) for place in range(12)]


def test_a_growing_population_turns_level_counts_into_falling_rates():
    data = table(*[[20] * 10] * 4)
    data["people"] = 1000 * 1.1 ** (data["year"] - 2010)
    found = shrunken(data, population="people")
    assert found["value"].to_numpy() == pytest.approx(100 * (1 / 1.1 - 1), abs=0.05)


uneven = st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=8), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(uneven, st.sampled_from([0.5, 0.95]))
def test_every_region_has_a_defined_answer(counts, confidence):
    data = table(*counts)
    before = data.copy(deep=True)
    found = shrunken(data, confidence=confidence)
    pd.testing.assert_frame_equal(data, before)
    assert list(found.columns[1 : len(COLUMNS) + 1]) == list(COLUMNS)
    known = found["value"].notna()
    assert (known == (found["note"] != NO_TREND)).all()
    assert ((found["lower"] <= found["value"]) & (found["value"] <= found["upper"]))[known].all()
    for share in ("own_share", "p_falling"):
        assert found.loc[known, share].between(0, 1).all()
    assert (found.loc[known, "dispersion"] >= 1).all()


def test_borrowing_pays_where_places_are_alike_and_classes_add_up():
    _slope, data = region(60, years=12, tau=0.02, mean=4.0)
    found = surveillance.holdout_score(data, **KEYS).set_index("places")
    assert found.loc["all places", "lower"] > 0
    assert found["value"].to_numpy() == pytest.approx((found["shrunken"] - found["own"]).to_numpy())
    for column in ("numerator", "denominator"):
        assert found[column].iloc[1:].sum() == found[column].iloc[0]
    assert found.loc["all places", "numerator"] == 180
    again = surveillance.holdout_score(data.sample(frac=1, random_state=1), **KEYS).set_index("places")
    pd.testing.assert_frame_equal(found, again)
    people = surveillance.holdout_score(data.assign(people=300.0), population="people", **KEYS).set_index("places")
    np.testing.assert_allclose(people["value"], found["value"], atol=1e-6)


def test_scores_of_single_places_are_those_of_their_forecasts():
    counts = [[10] * 9 + [13], [3] * 9 + [1]]
    found = surveillance.holdout_score(table(*counts), **KEYS, held_out=1).set_index("places")
    for name, (series, last) in {"5 to 20": (10, 13), "1 to 5 cases a year": (3, 1)}.items():
        # counts that do not vary have dispersion 1: the mean of 9 years makes a negative binomial forecast
        expected = stats.nbinom(9 * series + 0.5, 9 / 10).logpmf(last)
        assert found.loc[name, "no_trend"] == pytest.approx(expected, rel=1e-6)
        assert found.loc[name, "note"] == "no limits: one place only"
        own = surveillance.forecast(table([series] * 9), count="cases", year="year", draws=100)
        assert own["dispersion"][0] == pytest.approx(0, abs=1e-12)
        assert found.loc[name, "own"] == pytest.approx(stats.poisson(series).logpmf(last), rel=1e-6)
    one, other = found["value"].iloc[1:]
    row = found.loc["all places"]
    reach = stats.t(1).ppf(0.975) * abs(one - other) / 2
    assert (row["lower"], row["upper"]) == pytest.approx((row["value"] - reach, row["value"] + reach))


def test_scores_are_log_probabilities():
    count, mean = np.array([0.0, 3, 40, 1e6]), np.array([0.2, 5, 31, 1.001e6])
    assert log_probability(count, mean, np.ones(4)) == pytest.approx(stats.poisson(mean).logpmf(count), rel=1e-9)
    expected = stats.nbinom(mean / 1.5, 1 / 2.5).logpmf(count)
    assert log_probability(count, mean, np.full(4, 2.5)) == pytest.approx(expected, rel=1e-6)


def test_borrowing_pays_on_the_provinces():
    raw = pd.read_csv(shared("data", "turkey_sgk_province_year_raw.csv"))
    raw = raw[raw["İl Kodu"].between(1, 81) & (raw["Yıl"] >= 2013)]
    both = raw["Meslek Hastalığı (Erkek)"] + raw["Meslek Hastalığı (Kadın)"]
    data = pd.DataFrame({"place": raw["İl Kodu"], "year": raw["Yıl"], "cases": both})
    row = surveillance.holdout_score(data, **KEYS).iloc[0]
    assert (row["denominator"], row["numerator"]) == (81, 243)
    assert row["lower"] > 0


def test_faults_are_named():
    with pytest.raises(CountError, match=r"row 1: cases=1.5: a count is not whole"):
        shrunken(table([1, 1.5]))
    with pytest.raises(CountError, match=r"row 0: year=2010, cases=1: the year occurs more than once in its group"):
        shrunken(table([1, 2]).assign(year=2010))
    with pytest.raises(CountError, match=r"row 2: people=0: the population is 0"):
        shrunken(table([1, 2, 3]).assign(people=[5, 5, 0]), population="people")
    for data, options, text in (
        (table([1, 2]), {"held_out": 0}, "held_out is 0: give a whole number of years, at least 1"),
        (table([1, 2]), {"held_out": 5}, "held_out is 5: no earlier years are left to fit"),
        (table([0, 0, 4]), {"held_out": 1}, "the fitted years have no trend: .*"),
        (pd.concat([table([3, 2]), table([1], first=2020).assign(place=1)]), {"held_out": 1}, "no place has both .*"),
    ):
        with pytest.raises(ParameterRefused, match=f"^{text}$"):
            surveillance.holdout_score(data, **KEYS, **options)


def test_an_empty_table_has_no_places():
    assert len(shrunken(table([1])[:0])) == 0
    assert surveillance.shrunken_trend(table([1])[:0], count="cases", year="year", place=())["note"].tolist() == [NO_TREND]
