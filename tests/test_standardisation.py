from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ohstats import rates
from ohstats.errors import CountError

ORACLE = Path(__file__).parent / "oracle"
LEVELS = [(0.95, "95_0"), (0.998, "99_8")]
SIR = {"events": "x", "population": "n", "reference_events": "x_ref", "reference_population": "n_ref"}
DSR = {"events": "x", "population": "n", "standard": "stdpop"}


def strata(**columns):
    return pd.DataFrame(
        {"x": [20, 30], "n": [1000, 500], "stdpop": [60, 40], "x_ref": [200, 100], "n_ref": [9000, 1000], **columns}
    )


@pytest.mark.oracle
@pytest.mark.parametrize(("confidence", "name"), LEVELS)
def test_standardised_rate_agrees_with_phe(confidence, name):
    expected = pd.read_csv(ORACLE / "dsr_expected.csv")
    found = rates.standardised_rate(pd.read_csv(ORACLE / "dsr_input.csv"), **DSR, by=["area"], confidence=confidence)
    for column, quantity in {"value": "phe_dsr", "lower": f"lower{name}cl", "upper": f"upper{name}cl"}.items():
        assert found[column].to_numpy() == pytest.approx(expected[quantity].to_numpy(), rel=1e-9, nan_ok=True)
    assert found["note"].tolist() == ["", "", "fewer than 10 events", "", ""]
    assert found["unit"].unique().tolist() == ["per 100,000"]


@pytest.mark.oracle
@pytest.mark.parametrize(("confidence", "name"), LEVELS)
def test_standardised_ratio_agrees_with_phe(confidence, name):
    expected = pd.read_csv(ORACLE / "isr_expected.csv")
    found = rates.standardised_ratio(pd.read_csv(ORACLE / "isr_input.csv"), **SIR, by=["area"], confidence=confidence)
    names = {"value": "smr", "numerator": "observed", "denominator": "expected"}
    for column, quantity in {**names, "lower": f"lower{name}cl", "upper": f"upper{name}cl"}.items():
        assert found[column].to_numpy() == pytest.approx(expected[quantity].to_numpy(), rel=1e-9)
    assert found["method"].tolist() == expected["method"].replace({"Byars": "byar", "Exact": "poisson-exact"}).tolist()


def test_equal_weights_and_populations_give_the_crude_rate():
    table = strata(n=[750, 750], stdpop=[1, 1])
    crude = rates.rate(table, events="x", population="n").iloc[0]
    row = rates.standardised_rate(table, **DSR, by=[]).iloc[0]
    assert tuple(row[["value", "lower", "upper"]]) == pytest.approx(tuple(crude[["value", "lower", "upper"]]), rel=1e-12)


def test_scale_of_the_standard_population_does_not_matter_nor_does_order():
    found, scaled = (rates.standardised_rate(t, **DSR, by=[]) for t in (strata(), strata(stdpop=[6e5, 4e5])[::-1]))
    assert found["upper"].item() == pytest.approx(scaled["upper"].item(), rel=1e-12)


def test_unknown_strata_and_empty_standards_are_missing_with_the_reason():
    cases = {
        "a stratum has no population": strata(x=[20, 0], n=[1000, 0]),
        "standard population is 0": strata(stdpop=[0, 0]),
        "fewer than 10 events": strata(x=[4, 5]),
        "": strata(x=[20, 0], n=[1000, 0], stdpop=[1, 0]),
    }
    for note, table in cases.items():
        row = rates.standardised_rate(table, **DSR, by=[]).iloc[0]
        assert (row["note"], np.isnan(row["value"])) == (note, note != "")


def test_no_events_give_a_ratio_of_0_and_nothing_expected_is_missing():
    row = rates.standardised_ratio(strata(x=[0, 0]), **SIR, by=[]).iloc[0]
    assert (row["value"], row["lower"]) == (0, 0)
    assert row["upper"] == pytest.approx(3.68887945 / (1000 * 200 / 9000 + 50), rel=1e-8)  # R: qgamma(.975, 1)
    row = rates.standardised_ratio(strata(x_ref=[0, 0]), **SIR, by=[]).iloc[0]
    assert (row["note"], np.isnan(row["upper"])) == ("expected is 0", True)


def test_events_without_population_and_empty_references_are_named():
    for function, names in ((rates.standardised_rate, DSR), (rates.standardised_ratio, SIR)):
        with pytest.raises(CountError, match=r"row 1: x=30, n=0: events without population"):
            function(strata(n=[1000, 0]), **names, by=[])
    with pytest.raises(CountError, match=r"row 0: n_ref=0: the population is 0"):
        rates.standardised_ratio(strata(n_ref=[0, 5]), **SIR, by=[])
