import numpy as np
import pandas as pd
import pytest

from ohstats import rates
from ohstats.errors import CountError
from ohstats.rates import clusters

POINTS = pd.DataFrame({
    "employer": range(12),
    "passed": [5, 4, 6, 2, 8, 5, 3, 5, 7, 1, 4, 6],
    "measured": [5, 6, 6, 5, 8, 5, 5, 5, 9, 4, 4, 6],
})  # fmt: skip
NAMES = {"numerator": "passed", "denominator": "measured", "cluster": "employer"}


# R 4.2.2, survey 4.1-1: r <- svyratio(~x, ~n, svydesign(ids = ~e, weights = ~1)); SE(r); confint(r, df = 11)
def test_clustered_proportion_agrees_with_survey():
    row = rates.clustered_proportion(POINTS, **NAMES).iloc[0]
    assert (row["value"], row["se"]) == pytest.approx((82.3529411764706, 6.71648248655655), rel=1e-12)
    assert (row["lower"], row["upper"]) == pytest.approx((67.5700628955442, 97.1358194573969), rel=1e-12)
    assert (row["clusters"], row["numerator"], row["denominator"], row["unit"]) == (12, 56, 68, "percent")


def test_rows_of_one_cluster_are_summed_and_empty_clusters_do_not_count():
    apart = pd.concat(
        [POINTS.assign(passed=1, measured=1), POINTS.assign(passed=POINTS["passed"] - 1, measured=POINTS["measured"] - 1)]
    )
    empty = pd.concat([apart, pd.DataFrame({"employer": [98, 99], "passed": 0, "measured": 0})])
    assert rates.clustered_proportion(empty, **NAMES)["se"].item() == pytest.approx(6.71648248655655, rel=1e-12)


def test_clustered_limits_are_wider_than_wilson_when_employers_differ():
    table = pd.DataFrame({"employer": range(20), "passed": [10, 0] * 10, "measured": 10})
    wide = rates.clustered_proportion(table, **NAMES).iloc[0]
    narrow = rates.proportion(table, numerator="passed", denominator="measured").iloc[0]
    assert wide["upper"] - wide["lower"] > 2.5 * (narrow["upper"] - narrow["lower"])


def test_few_or_equal_clusters_have_no_limits_and_say_why():
    cases = {
        "fewer than 10 clusters: no limits": POINTS[:9],
        "all clusters have the same share: no limits": POINTS.assign(passed=POINTS["measured"]),
        "denominator is 0": POINTS.assign(passed=0, measured=0),
    }
    for note, table in cases.items():
        row = rates.clustered_proportion(table, **NAMES).iloc[0]
        assert np.isnan([row["lower"], row["upper"], row["se"]]).all()
        assert row["note"] == note
        assert np.isnan(row["value"]) == (note == "denominator is 0")


def test_clusters_are_counted_within_groups_and_must_be_named():
    table = pd.concat([POINTS.assign(year=2023), POINTS.assign(year=2024)], ignore_index=True)
    found = rates.clustered_proportion(table, **NAMES, by=["year"])
    assert found["clusters"].tolist() == [12, 12]
    assert found["se"].tolist() == pytest.approx([6.71648248655655] * 2, rel=1e-12)
    table["employer"] = table["employer"].where(table.index != 3)
    with pytest.raises(CountError, match=r"row 3: employer=missing: the cluster is missing"):
        rates.clustered_proportion(table, **NAMES)


def test_verification_factor_is_a_ratio_that_may_exceed_1():
    table = pd.DataFrame({"clinic": range(12), "found": POINTS["measured"], "given": POINTS["passed"]})
    row = clusters.verification_factor(table, recounted="found", reported="given", cluster="clinic").iloc[0]
    # R 4.2.2, survey 4.1-1: svyratio(~n, ~x, …) of the same clusters; confint(df = 11)
    assert (row["value"], row["se"]) == pytest.approx((1.21428571428571, 0.0990338489089205), rel=1e-12)
    assert (row["lower"], row["upper"]) == pytest.approx((0.996313682490423, 1.43225774608101), rel=1e-12)
    nothing = table.assign(given=0)
    row = clusters.verification_factor(nothing, recounted="found", reported="given", cluster="clinic").iloc[0]
    assert (row["note"], np.isnan(row["value"])) == ("denominator is 0", True)


# Change between years, standardised -----------------------------------------------------------------------------------
CHANGE = {"numerator": "passed", "denominator": "measured", "cluster": "employer", "stratum": "factor", "later": "late"}


def years(mixes, shares, *, employers=40, seed=1, spread=0.0):
    """Points of two years: `mixes[year]` is the share of dust, `shares[year]` the pass rates of dust and noise."""
    draw = np.random.default_rng(seed)
    rows = []
    for late in (0, 1):
        for employer in range(employers):
            own = spread * draw.standard_normal()
            n = draw.multinomial(10, [mixes[late], 1 - mixes[late]])
            for factor, size, share in zip(("dust", "noise"), n, shares[late], strict=True):
                passed = draw.binomial(size, np.clip(share + own, 0, 1)) if spread or share not in (0, 1) else size * share
                rows.append((late * 1000 + employer, factor, late, passed, size))
    return pd.DataFrame(rows, columns=["employer", "factor", "late", "passed", "measured"])


def test_a_change_of_the_mix_alone_is_no_change():
    table = years((0.8, 0.2), ((0, 1), (0, 1)))
    crude = table.groupby("late")[["passed", "measured"]].sum().eval("passed / measured")
    assert crude[1] - crude[0] > 0.4
    row = rates.standardised_change(table, **CHANGE).iloc[0]
    assert (row["value"], row["before"]) == pytest.approx((0, row["now"]))


def test_the_standardised_shares_are_the_weighted_ones_of_the_common_strata():
    table = years((0.7, 0.4), ((0.9, 0.6), (0.95, 0.5)))
    alone = pd.DataFrame({"employer": [1], "factor": ["lead"], "late": [1], "passed": [0], "measured": [5]})
    row = rates.standardised_change(pd.concat([table, alone]), **CHANGE).iloc[0]
    cells = table.pivot_table(index="factor", columns="late", values=["passed", "measured"], aggfunc="sum")
    weights = cells["measured"].sum(axis=1) / cells["measured"].to_numpy().sum()
    shares = 100 * (cells["passed"] / cells["measured"]).mul(weights, axis=0).sum()
    assert (row["before"], row["now"]) == pytest.approx((shares[0], shares[1]))
    assert row["value"] == pytest.approx(shares[1] - shares[0])
    assert (row["numerator"], row["denominator"]) == (800, 805)


def test_limits_of_the_change_hold_the_truth_in_95_percent_of_samples():
    held = [
        row["lower"] <= 5 <= row["upper"]
        for seed in range(300)
        for row in rates.standardised_change(
            years((0.7, 0.4), ((0.8, 0.6), (0.85, 0.65)), seed=seed, spread=0.1), **CHANGE
        ).to_dict("records")
    ]
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.parametrize("share", [0, 1])
def test_years_in_which_all_points_pass_or_none_does_get_no_limits(share):
    row = rates.standardised_change(years((0.7, 0.4), ((share, share), (share, share))), **CHANGE).iloc[0]
    assert (row["value"], row["before"], row["now"]) == (0, 100 * share, 100 * share)
    assert row["note"] == clusters.EQUAL
    assert row[["lower", "upper"]].isna().all()


@pytest.mark.parametrize("rows", ["none", "one year", "no points"])
def test_without_points_of_both_years_there_is_no_change_to_tell(rows):
    table = years((0.7, 0.4), ((0.8, 0.6), (0.85, 0.65)))
    table = {"none": table.head(0), "one year": table[table["late"] == 0], "no points": table.assign(passed=0, measured=0)}[rows]
    row = rates.standardised_change(table, **CHANGE).iloc[0]
    assert row["note"] == "no stratum in common"
    assert row[["value", "lower", "upper", "before", "now"]].isna().all()


def test_few_clusters_or_no_common_stratum_give_no_limits_and_say_why():
    table = years((0.7, 0.4), ((0.8, 0.6), (0.85, 0.65)), employers=9)
    row = rates.standardised_change(table, **CHANGE).iloc[0]
    assert row["note"] == clusters.FEW
    assert pd.isna(row["lower"])
    apart = table[(table["factor"] == "dust") == (table["late"] == 1)]
    row = rates.standardised_change(apart, **CHANGE).iloc[0]
    assert row["note"] == "no stratum in common"
    assert pd.isna(row["value"])
