from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohstats import surveillance
from ohstats.errors import CountError, ParameterRefused
from ohstats.surveillance import funnels as module

ORACLE = Path(__file__).parent / "oracle"
WORDS = {
    "Low (0.001)": "low", "Low (0.025)": "rather low", "Not significant": "within", "High (0.025)": "rather high",
    "High (0.001)": "high",
}  # fmt: skip
COLUMNS = {"proportion": ("x", "n"), "rate": ("x", "n"), "ratio": ("obs", "exp")}


def phe(kind):
    table = pd.read_csv(ORACLE / f"funnel_{kind}.csv")
    numerator, denominator = COLUMNS[kind]
    found = surveillance.funnel(table, numerator=numerator, denominator=denominator, by="area", kind=kind)
    return table.set_index("area"), found.set_index("area").loc[table["area"]]


@pytest.mark.oracle
@pytest.mark.parametrize("kind", list(COLUMNS))
def test_positions_agree_with_phe(kind):
    expected, found = phe(kind)
    assert found["position"].tolist() == expected["significance"].map(WORDS).tolist()


@pytest.mark.oracle
def test_control_limits_of_proportions_agree_with_phe():
    expected, found = phe("proportion")
    for ours, theirs in {"low_95": "lo95", "high_95": "hi95", "low_998": "lo998", "high_998": "hi998"}.items():
        np.testing.assert_allclose(found[ours], 100 * expected[theirs], rtol=1e-9)
    assert found["average"].iloc[0] == pytest.approx(100 * expected["average"].iloc[0], rel=1e-9)
    curve = pd.read_csv(ORACLE / "funnel_limits_proportion.csv")
    for end, (low, high) in {0.95: ("lower_2s", "upper_2s"), 0.998: ("lower_3s", "upper_3s")}.items():
        limits = module._around(curve["baseline"].to_numpy() / 100, curve["Population"].to_numpy(), end)
        np.testing.assert_allclose(100 * limits[0], curve[f"{low}_limit"], rtol=1e-9)
        np.testing.assert_allclose(100 * limits[1], curve[f"{high}_limit"], rtol=1e-9)


@pytest.mark.oracle
def test_control_limits_of_ratios_agree_with_phe():
    # 1e-5: PHE finds these by goal seeking and stops at about six digits
    curve = pd.read_csv(ORACLE / "funnel_limits_ratio.csv")
    for level, sigma in ((0.95, "2s"), (0.998, "3s")):
        for end, side in enumerate(("lower", "upper")):
            expected = curve[f"{side}_{sigma}_exp_events"].to_numpy()
            events = module._beyond(expected, level)[end]
            np.testing.assert_allclose(events, curve["Observed_events"], rtol=1e-5)
            np.testing.assert_allclose(100 * events / expected, curve[f"{side}_{sigma}_limit"], rtol=1e-5)


@pytest.mark.oracle
def test_overdispersion_agrees_with_spiegelhalter():
    expected = pd.read_csv(ORACLE / "overdispersion.csv").iloc[0]
    _table, found = phe("proportion")
    assert found["phi"].iloc[0] == pytest.approx(expected["phi_winsor10"], rel=1e-9)
    assert found["k"].iloc[0] == expected["k"]


# By hand: observed 4, 9, 16, 25 against 9 each; z = 2(√O - 3) = -2, 0, 2, 4; the outer tenths become -1.4 and 3.4
def test_overdispersion_of_ratios_is_that_on_the_square_root_scale():
    table = pd.DataFrame({"area": list("abcd"), "x": [4, 9, 16, 25], "mean": 9.0})
    found = surveillance.funnel(table, numerator="x", denominator="mean", by="area", kind="ratio")
    assert found["phi"].iloc[0] == pytest.approx((1.4**2 + 0 + 2**2 + 3.4**2) / 4)
    assert found["note"].unique().tolist() == ["places vary more than by chance: limits too narrow"]


def test_no_denominator_and_no_cases_are_answered_with_a_reason():
    table = pd.DataFrame({"area": list("abc"), "x": [0, 0, 0], "n": [10, 0, 20]})
    for kind in ("proportion", "rate"):
        found = surveillance.funnel(table, numerator="x", denominator="n", by="area", kind=kind)
        assert found["note"].tolist() == ["", "denominator is 0", ""]
        assert found["position"].isna().tolist() == [False, True, False]
        assert found["value"].isna().tolist() == [False, True, False]
        assert found["position"][0] == "within"
        assert np.isnan(found["phi"][0])
    nothing = surveillance.funnel(table.assign(n=0), numerator="x", denominator="n", by="area")
    assert nothing["average"].isna().all()


places = st.lists(st.tuples(st.integers(0, 500), st.floats(0.1, 1e6)), min_size=1, max_size=20)


@settings(deadline=None)
@given(places, st.sampled_from(["rate", "ratio"]))
def test_limits_are_nested_around_the_average(rows, kind):
    table = pd.DataFrame({"area": range(len(rows)), "x": [x for x, _ in rows], "n": [n for _, n in rows]})
    found = surveillance.funnel(table, numerator="x", denominator="n", by="area", kind=kind)
    order = ["low_998", "low_95", "average", "high_95", "high_998"]
    if found["average"].iloc[0] > 0:
        assert (found[order].diff(axis=1).iloc[:, 1:] >= -1e-6 * found["average"].iloc[0]).all(axis=None)
    assert found["value"].between(found["lower"], found["upper"]).all()


def test_faults_are_named():
    table = pd.DataFrame({"area": ["a", "b"], "x": [1, 11], "n": [10, 10]})
    with pytest.raises(CountError) as error:
        surveillance.funnel(table, numerator="x", denominator="n", by="area")
    assert str(error.value) == "counts of 1 of 2 rows cannot be used\n  row 1: x=11, n=10: more than n"
    with pytest.raises(ParameterRefused, match="there is no 'mean'; choose from: proportion, rate, ratio"):
        surveillance.funnel(table, numerator="x", denominator="n", by="area", kind="mean")
