from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ohstats import trend
from ohstats.errors import CountError

ORACLE = Path(__file__).parent / "oracle"
YEARS = pd.DataFrame({
    "year": range(2006, 2022),
    "cases": [51, 58, 60, 63, 57, 70, 71, 69, 62, 58, 60, 51, 47, 49, 40, 38],
    "workers": np.round(30_000 * 1.01 ** np.arange(16)),
})  # fmt: skip
NAMES = {"count": "cases", "year": "year", "first_after": 2014}


@pytest.mark.oracle
def test_segmented_trend_agrees_with_r_on_the_oracle_series():
    expected = pd.read_csv(ORACLE / "its_expected.csv").set_index("quantity")["value"]
    table = pd.read_csv(ORACLE / "its_input.csv")
    table["count"] = table["value"].round().astype(int)
    first = table.loc[table["level"] == 1, "time"].min()
    found = trend.segmented(table, count="count", year="time", first_after=first).set_index("term")
    for term, slope, se in (
        ("trend before", "b_time", "se_time"),
        ("step", "b_level", "se_level"),
        ("change of trend", "b_trend", "se_trend"),
    ):
        assert found.loc[term, "coefficient"] == pytest.approx(expected[slope], rel=1e-7)
        assert found.loc[term, "se"] / np.sqrt(found.loc[term, "dispersion"]) == pytest.approx(expected[se], rel=1e-7)


# R 4.2.2: glm(cases ~ year + after + pmax(0, year - 2013) + offset(o), quasipoisson, epsilon = 1e-14), o = 0 or
# log(workers)
@pytest.mark.parametrize(
    ("population", "coefficients", "errors", "p", "dispersion"),
    [
        (
            None,
            (0.0411095208617319, -0.0470918420141098, -0.1108451663629904, -0.06973564550125844),
            (0.00869716613302821, 0.05751638739235077, 0.01303064772429469, 0.00970345718644533),
            (4.91248252275174e-04, 4.28886502461312e-01, 1.99463459220954e-06),
            0.19707598787617,
        ),
        (
            "workers",
            (0.0311589326719564, -0.0471055409813806, -0.1108427754589733, -0.07968384278701693),
            (0.00869695636628175, 0.05751503448773566, 0.01303033985806326, 0.00970323176986032),
            (3.76328528134268e-03, 4.28745222222754e-01, 1.99459187794662e-06),
            0.197066724573664,
        ),
    ],
)
def test_segmented_trend_agrees_with_r(population, coefficients, errors, p, dispersion):
    found = trend.segmented(YEARS, **NAMES, population=population)
    assert found["coefficient"].tolist() == pytest.approx(coefficients, rel=1e-9)
    assert found["se"].tolist() == pytest.approx(errors, rel=1e-9)
    assert found["p"].tolist()[:3] == pytest.approx(p, rel=1e-9)
    assert found["dispersion"].iloc[0] == pytest.approx(dispersion, rel=1e-9)
    assert (found["df"] == 12).all()
    reach = 2.17881282966723 * np.array(errors)  # R: qt(.975, 12)
    assert found["upper"].tolist() == pytest.approx(100 * np.expm1(np.array(coefficients) + reach), rel=1e-9)


def test_fewer_than_8_years_or_too_few_cases_on_a_side_give_no_model():
    cases = {
        "not estimable: fewer than 8 years on a side": YEARS[1:],
        "not estimable: cases in fewer than two years on a side": YEARS.assign(
            cases=np.where(YEARS["year"] > 2014, 0, YEARS["cases"])
        ),
    }
    for note, table in cases.items():
        found = trend.segmented(table, **NAMES)
        assert found["value"].isna().all()
        assert (found["note"] == note).all()
    assert (trend.segmented(YEARS[:0], **NAMES)["note"] == "not estimable: fewer than 8 years on a side").all()


def test_perfect_fit_says_so():
    found = trend.segmented(YEARS.assign(cases=7), **NAMES)
    assert found["value"].abs().max() < 1e-9
    assert (found["note"] == "perfect fit: no residual variation").all()


def test_groups_are_fitted_apart():
    table = pd.concat([YEARS.assign(place="b"), YEARS[3:].assign(place="a")], ignore_index=True)[::-1]
    found = trend.segmented(table, **NAMES, by=["place"])
    assert found["place"].tolist() == ["a"] * 4 + ["b"] * 4
    assert found["value"].isna().tolist() == [True] * 4 + [False] * 4
    alone = trend.segmented(YEARS, **NAMES)
    assert found["upper"].tolist()[4:] == pytest.approx(alone["upper"].tolist(), rel=1e-12)


def test_table_of_both_sides_describes_and_gives_no_limits():
    found = trend.before_after(YEARS, **NAMES)
    assert found["value"].tolist() == [499 / 8, 405 / 8]
    assert found["denominator"].tolist() == [8, 8]
    assert found[["first_year", "last_year"]].to_numpy().tolist() == [[2006, 2013], [2014, 2021]]
    assert found[["lower", "upper", "level"]].isna().all(axis=None)
    found = trend.before_after(YEARS, **NAMES, population="workers")
    assert found["value"].iloc[0] == pytest.approx(499 / YEARS["workers"][:8].sum() * 1e5, rel=1e-12)
    found = trend.before_after(YEARS[:3], **NAMES)
    assert found["note"].tolist() == ["", "no years"]
    assert found["value"].isna().tolist() == [False, True]


def test_years_given_twice_are_named():
    with pytest.raises(CountError, match=r"row 3: year=2009, cases=63: the year occurs more than once in its group"):
        trend.before_after(pd.concat([YEARS, YEARS[3:4]]), **NAMES)
