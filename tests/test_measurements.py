import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohstats import measurements
from ohstats.errors import CountError, ParameterRefused

DUST = [0.05, 0.05, 0.05, 0.11, 0.14, 0.2, 0.23, 0.31, 0.48, 0.77, 0.1, 1.35]
HIDDEN = [True] * 3 + [False] * 7 + [True, False]


def fitted(values, hidden, **options):
    frame = measurements.censored_lognormal(values, hidden, **{"limit": 1.0, **options})
    return frame.set_index("quantity")


# R 4.2.2, survival 3.5-3: survreg(Surv(v, !hidden, type = "left") ~ 1, dist = "lognormal", rel.tolerance = 1e-14)
@pytest.mark.parametrize(
    ("values", "hidden", "centre", "spread", "covariance"),
    [
        (DUST, HIDDEN, -2.00745947161579, 1.46203270336388, (0.2076487984720433, -0.0305129123783786, 0.0744152763238242)),
        (
            [1, 2, 3, 10, 10, 10, 10, 0.5, 7],
            [False] * 3 + [True] * 4 + [False] * 2,
            0.570094421542344,
            0.868554965636984,
            (0.1409356949036644, -0.0150412622532239, 0.0831153840372857),
        ),
    ],
)
def test_fit_agrees_with_survreg(values, hidden, centre, spread, covariance):
    found = fitted(values, hidden)
    assert np.log(found.loc["P50", "value"]) == pytest.approx(centre, rel=1e-7)
    assert np.log(found.loc["geometric standard deviation", "value"]) == pytest.approx(spread, rel=1e-7)
    assert np.log(found.loc["mean", "value"]) == pytest.approx(centre + spread**2 / 2, rel=1e-7)
    normal = measurements._Normal(np.log(values), np.array(hidden))
    back = np.array([[1 / normal.delta, -normal.gamma / normal.delta**2], [0, -1 / normal.delta]])  # to μ and ln σ
    found = back @ normal.covariance @ back.T
    assert (found[0, 0], found[0, 1], found[1, 1]) == pytest.approx(covariance, rel=1e-7)


def test_limits_of_a_percentile_and_of_the_share_above_it_agree():
    found = fitted(DUST, HIDDEN)
    for end, other in (("lower", "lower"), ("upper", "upper"), ("value", "value")):
        above = fitted(DUST, HIDDEN, limit=found.loc["P95", end]).loc["share above the limit"]
        assert above[other] == pytest.approx(5, rel=1e-9)


# Without non-detects: μ and σ are mean and standard deviation (divisor n) of the logs, by definition
def test_without_non_detects_the_fit_is_that_of_the_logs():
    found = fitted(DUST, [False] * 12)
    assert np.log(found.loc["P50", "value"]) == pytest.approx(np.log(DUST).mean(), rel=1e-9)
    assert np.log(found.loc["geometric standard deviation", "value"]) == pytest.approx(np.log(DUST).std(), rel=1e-9)


def test_limits_hold_the_truth_about_as_often_as_they_say():
    random, held, rounds = np.random.default_rng(7), np.zeros(3), 400
    truth = {"mean": np.exp(0.5), "P95": np.exp(1.6448536), "share above the limit": 20.0}
    for _round in range(rounds):
        values = np.exp(random.normal(0, 1, 12))
        hidden = values < 0.6
        found = fitted(np.maximum(values, 0.6), hidden, limit=np.exp(0.8416212))
        held += [found.loc[name, "lower"] <= each <= found.loc[name, "upper"] for name, each in truth.items()]
    assert (held / rounds).round(2).tolist() == pytest.approx([0.95] * 3, abs=0.035)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 10_000), st.booleans()), min_size=4, max_size=30), st.sampled_from([1e-6, 1e3]))
def test_unit_of_the_values_does_not_matter_and_limits_contain_the_estimate(results, factor):
    values, hidden = (np.array(column) for column in zip(*results, strict=True))
    found, scaled = fitted(values, hidden, limit=50), fitted(values * factor, hidden, limit=50 * factor)
    rows = found[found["value"].notna() & found["lower"].notna()]
    assert (rows["lower"] <= rows["value"] * (1 + 1e-9)).all()
    assert (rows["value"] <= rows["upper"] * (1 + 1e-9)).all()
    assert scaled.loc["share above the limit", "value"] == pytest.approx(
        found.loc["share above the limit", "value"], rel=1e-6, nan_ok=True
    )
    assert scaled.loc["P95", "value"] == pytest.approx(found.loc["P95", "value"] * factor, rel=1e-6, nan_ok=True)


def test_too_few_or_equal_values_are_missing_with_the_reason():
    for values, hidden, note in (
        ([1, 2, 3], [True, False, False], "not estimable: fewer than 3 detected values"),
        ([], [], "not estimable: fewer than 3 detected values"),
        ([1, 2, 2, 2], [True, False, False, False], "not estimable: all detected values are equal"),
    ):
        found = fitted(values, hidden)
        assert found["value"].isna().all()
        assert (found["note"] == note).all()


def test_impossible_values_and_limits_are_refused():
    with pytest.raises(CountError) as caught:
        measurements.kaplan_meier([1, 0, np.nan, np.inf, 2], [False, False, False, False, None])
    assert str(caught.value).split("\n  ")[1:] == [
        "row 1: value=0: the value is not above 0",
        "row 2: value=missing: the value is missing",
        "row 3: value=inf: the value is infinite",
        "row 4: it is not known whether the value is a non-detect",
    ]
    with pytest.raises(ParameterRefused, match="limit and percentiles must be above 0"):
        fitted(DUST, HIDDEN, limit=0)


# R 4.2.2, survival 3.5-3: survfit(Surv(2 - v, !hidden) ~ 1); 2 - time, n.risk, surv
def test_kaplan_meier_agrees_with_survfit():
    found = measurements.kaplan_meier(DUST, HIDDEN)
    assert found["value"].tolist() == [0.11, 0.14, 0.2, 0.23, 0.31, 0.48, 0.77, 1.35]
    assert found["at_risk"].tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    assert found["below"].tolist() == pytest.approx([100 * each / 12 for each in (4, 5, 6, 7, 8, 9, 10, 11)], rel=1e-12)
    assert found["at_or_below"].tolist()[-1] == 100
    assert len(measurements.kaplan_meier([0.1], [True])) == 0


# R 4.2.2, vcd 1.4-11: Kappa(matrix(c(20, 5, 1, 3, 15, 4, 0, 2, 10), 3, byrow = TRUE)), confint
def test_kappa_agrees_with_vcd():
    cells = np.array([[20, 5, 1], [3, 15, 4], [0, 2, 10]])
    one, two = np.repeat(np.indices((3, 3)).reshape(2, -1), cells.ravel(), axis=1)
    table = pd.DataFrame({"one": np.array(["a", "b", "c"])[one], "two": np.array(["a", "b", "c"])[two]})
    row = measurements.kappa(table, first="one", second="two").iloc[0]
    assert (row["value"], row["se"]) == pytest.approx((0.6150556030795551, 0.0858393823192602), rel=1e-12)
    assert (row["lower"], row["upper"]) == pytest.approx((0.446813505278641, 0.783297700880469), rel=1e-12)
    assert (row["numerator"], row["denominator"], row["agreement"]) == (45, 60, 75)
    twice = pd.concat([table.assign(place="x"), table[:9].assign(place="y")])
    found = measurements.kappa(twice, first="one", second="two", by=["place"])
    assert found["se"][0] == pytest.approx(0.0858393823192602, rel=1e-12)


def test_kappa_without_variation_has_no_limits_and_says_so():
    for one, two, note in (
        ("", "", "no records"),
        ("aa", "aa", "not estimable: both readers used one code only"),
        ("ab", "ab", "no variation: no limits"),
        ("ab", "ba", "no variation: no limits"),
    ):
        row = measurements.kappa(pd.DataFrame({"one": list(one), "two": list(two)}), first="one", second="two").iloc[0]
        assert (row["note"], np.isnan(row["lower"])) == (note, True)
    with pytest.raises(CountError, match="row 1: a code is missing"):
        measurements.kappa(pd.DataFrame({"one": ["a", None], "two": ["a", "b"]}), first="one", second="two")
