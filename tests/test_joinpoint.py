import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student
from shared import shared

from ohstats import joinpoint
from ohstats.errors import CountError, ParameterRefused
from ohstats.joinpoint import grid
from ohstats.joinpoint.data import usual_most
from ohstats.joinpoint.grid import best_knots, most_joinpoints, placements, smallest_sse
from ohstats.joinpoint.slopes import Lines, average

ORACLE = Path(__file__).parent / "oracle"
YEARS = np.arange(2010, 2020)
RATES = [20.6, 19.6, 22.8, 20.5, 18.0, 21.6, 26.1, 24.3, 17.4, 15.6]
CASES = [5, 7, 9, 12, 15, 11, 9, 6, 5, 3]
COLUMNS = ["value", "lower", "upper", "level", "unit", "method", "numerator", "denominator", "note"]
rates = st.lists(st.floats(0.5, 500), min_size=7, max_size=14)


def series_of(frame, name):
    return frame[frame.iloc[:, 0] == name].reset_index(drop=True)


def call(case, **options):
    if case["model"].iloc[0] == "se":
        return joinpoint.fit(case["x"], case["rate"], se=case["se"], weights="se", **options)
    if case["model"].iloc[0] == "poisson":
        return joinpoint.fit(case["x"], case["count"], population=case["pop"], weights="poisson", **options)
    return joinpoint.fit(case["x"], case["rate"], **options)


def hinges(x, knots):
    return np.column_stack([np.ones(len(x)), x, *(np.maximum(x - x[at], 0) for at in knots)])


def sse_of(x, z, w, knots):
    """Weighted SSE by numpy's least squares on another basis than the module's."""
    design, target = hinges(x, knots) * np.sqrt(w)[:, None], z * np.sqrt(w)
    return ((target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) ** 2).sum()


def allowed(n, k):
    places = itertools.combinations(range(2, n - 2), k)
    return [knots for knots in places if all(b - a > 2 for a, b in itertools.pairwise(knots))]


def check_against_r(inputs, expected):
    for name, case in inputs.groupby("series"):
        for k in range(int(case["kmax"].iloc[0]) + 1):
            found = call(case, joinpoints=k)
            row, whole = found.candidates.iloc[k], found.aapc().iloc[0]
            got = {"sse": row["sse"], "bic": row["bic"], "bic3": row["bic3"], "wbic_own_reading": row["wbic"]}
            got |= {"mse": row["sse"] / (len(case) - 2 * k - 2), "r2max_own_reading": row["r2max"]}
            got |= {"aapc_full": whole["value"], "aapc_full_lo_normal": whole["lower"]}
            got |= {"aapc_full_hi_normal": whole["upper"]}
            got |= {f"joinpoint{i}": at for i, at in enumerate(found.joinpoints, 1)}
            for i, line in enumerate(found.segments.itertuples(), 1):
                got |= {f"slope{i}": line.slope, f"apc{i}": line.value, f"lerman_se{i}": line.se, f"lerman_p{i}": line.p}
                got |= {f"lerman_apc_lo{i}": line.lower, f"lerman_apc_hi{i}": line.upper}
            wanted = expected[(expected["series"] == name) & (expected["method"] == f"k{k}")]
            for quantity, value in zip(wanted["quantity"], wanted["value"], strict=True):
                assert got[quantity] == pytest.approx(value, rel=1e-9, abs=0), (name, k, quantity)


@pytest.mark.oracle
def test_every_number_agrees_with_r():
    check_against_r(pd.read_csv(ORACLE / "joinpoint_input.csv"), pd.read_csv(ORACLE / "joinpoint_expected.csv"))


@pytest.mark.oracle
def test_every_number_of_the_nci_sample_agrees_with_r():
    inputs = pd.read_csv(shared("reference", "oracle", "joinpoint_input.csv"))
    expected = pd.read_csv(shared("reference", "oracle", "joinpoint_expected.csv"))
    check_against_r(inputs[inputs["series"].str.startswith("NCI")], expected)


@pytest.mark.oracle
@pytest.mark.parametrize("sex", ["Both", "Male", "Female"])
def test_the_documented_result_of_nci_4_9_is_reproduced(sex):
    printed = json.loads(shared("reference", "oracle", "nci_joinpoint_documented.json").read_text())["result"][sex]
    inputs = pd.read_csv(shared("reference", "oracle", "joinpoint_input.csv"))
    # 499 permutations instead of 4499 for speed: the p-values are far from their levels
    found = call(series_of(inputs, f"NCI_sample_{sex}"), select="permutation", max_joinpoints=3, permutations=499)
    assert list(found.joinpoints) == printed["joinpoints"]
    assert found.segments["value"].round(2).tolist() == printed["apc"]
    assert (found.segments["p"] < 0.05).astype(int).tolist() == printed["significant"]


def nci_exports(*names):
    return [pd.read_csv(shared("reference", "published", f"ncijp_{name}.csv")) for name in names]


@pytest.mark.oracle
def test_nine_exports_of_nci_4_5_are_reproduced_to_the_printed_digits():
    inputs, segments, averages = nci_exports("series", "segments", "aapc")
    for name in inputs["series_id"].unique():
        case, lines, average_row = series_of(inputs, name), series_of(segments, name), series_of(averages, name).iloc[0]
        found = joinpoint.fit(case["year"], case["rate"], se=case["se"], weights="se", joinpoints=len(lines) - 1)
        assert found.joinpoints == tuple(lines["start"].iloc[1:])
        printed = {"value": "apc", "lower": "apc_lcl", "upper": "apc_ucl"}
        for own, theirs in printed.items():  # 3 decimals
            assert found.segments[own].to_numpy() == pytest.approx(lines[theirs].to_numpy(), abs=0.00051)
        for own, theirs in {"slope": "slope", "se": "slope_se", "p": "slope_p"}.items():  # 6 decimals
            assert found.segments[own].to_numpy() == pytest.approx(lines[theirs].to_numpy(), abs=5.1e-7)
        assert found.candidates["sse"].iloc[-1] == pytest.approx(lines["sse"].iloc[0], abs=5.1e-7)
        assert found.fitted["fitted"].to_numpy() == pytest.approx(case["fitted_published"].to_numpy(), abs=5.1e-6)
        whole = found.aapc().iloc[0]
        assert whole[["value", "lower", "upper"]].tolist() == pytest.approx(
            average_row[["aapc", "aapc_lcl", "aapc_ucl"]].tolist(), abs=0.00051
        )
        assert whole["p"] == pytest.approx(average_row["p"], abs=0.00051)


@pytest.mark.oracle
def test_the_27_permutation_tests_of_nci_4_5_are_reproduced_within_random_error():
    inputs, tests = nci_exports("series", "selection")
    distance = []
    for name in inputs["series_id"].unique():
        case, printed = series_of(inputs, name), series_of(tests, name)
        found = joinpoint.fit(case["year"], case["rate"], se=case["se"], weights="se", permutations=9999)
        own = pd.DataFrame(found.summary()["tests"])
        assert own[["null", "alternative"]].to_numpy().tolist() == printed[["null_k", "alt_k"]].to_numpy().tolist()
        assert own["alpha"].to_numpy() == pytest.approx(printed["alpha"].to_numpy(), abs=5.1e-8)
        assert len(found.joinpoints) == case["k_selected"].iloc[0]
        error = np.sqrt(2 * printed["p"] * (1 - printed["p"]) / 10_000)
        distance.extend((own["p"] - printed["p"]) / error)
    # shuffling unweighted residuals gives a sum of squares above 400
    assert len(distance) == 27
    assert np.square(distance).sum() < 60


@pytest.mark.oracle
def test_linear_fits_of_two_long_series_are_reproduced():
    inputs = pd.read_csv(shared("reference", "published", "uslin_series.csv"))
    fitted = pd.read_csv(shared("reference", "published", "uslin_fitted.csv"))
    results = pd.read_csv(shared("reference", "published", "uslin_joinpoints.csv"), dtype=str, keep_default_na=False)
    for row in results.itertuples():
        case = series_of(inputs, row.series_id)
        found = joinpoint.fit(case["year"], case["rate"], log=False, joinpoints=int(row.k))
        assert found.joinpoints == tuple(int(year) for year in row.joinpoints.split(";") if year)
        printed = series_of(fitted, row.series_id).query(f"k == {row.k}")["fitted_published"].to_numpy()
        # 2 decimals; the published line of accidents without joinpoints is up to 0.0084 from any least-squares line
        close = 0.0085 if (row.series_id, row.k) == ("accidents", "0") else 0.0051
        assert found.fitted["fitted"].to_numpy() == pytest.approx(printed, abs=close)


@pytest.mark.oracle
def test_published_averages_follow_from_their_segments():
    cases = pd.read_csv(shared("reference", "published", "aapc_from_apc.csv"))
    for _, case in cases.groupby("case_id"):
        table = [case[name].to_numpy(dtype=float)[None, :] for name in ("start", "end")]
        slope = np.log1p(case["apc"].to_numpy() / 100)[None, :]
        lines = Lines(*table, slope, slope * 0, slope, slope, slope)
        mean, _, _ = average(lines, table[0][:, 0], table[1][:, -1])
        assert 100 * np.expm1(mean[0]) == pytest.approx(case["aapc_published"].iloc[0], abs=0.1)  # inputs have 1 decimal


@pytest.mark.parametrize("k", range(6))
def test_the_search_finds_the_smallest_of_all_sums_of_squares(k):
    generator = np.random.default_rng(k)
    n = 18 if k == 5 else 14 + k
    x = np.cumsum(generator.uniform(0.2, 3, n))
    z, w = generator.normal(size=(n, 2)), generator.uniform(0.1, 9, (n, 2))
    found = best_knots(x, z, w, k, least=np.zeros(2))[k][0]
    for series in range(2):
        every = {knots: sse_of(x, z[:, series], w[:, series], knots) for knots in allowed(n, k)}
        best = min(every, key=every.get)
        assert tuple(found[series]) == best
        assert smallest_sse(x, z, w, [k])[0, series] == pytest.approx(every[best], rel=1e-9)
    assert len(every) == placements(n, k)


TWO_VALUES = [3, 7, 3, 3, 3, 3, 3, 3, 7, 3]  # many orders of its residuals are alike


@pytest.mark.parametrize(
    ("weights", "counts"), [("constant", CASES), ("constant", TWO_VALUES), ("poisson", [1, 90, 8, 4, 2, 60, 9, 35, 20, 12])]
)
def test_the_permutation_p_value_is_what_its_definition_says(weights, counts):
    found = joinpoint.fit(YEARS, counts, weights=weights, population=[1] * 10, permutations=199, seed=3)
    z, w = np.log(counts), np.array(counts, dtype=float) if weights == "poisson" else np.ones(10)
    x, root = YEARS - 2010.0, np.sqrt(w)
    line = hinges(x, []) @ np.linalg.lstsq(hinges(x, []) * root[:, None], z * root, rcond=None)[0]

    def ratio(values):
        return sse_of(x, values, w, []) / min(sse_of(x, values, w, knots) for knots in allowed(10, 1))

    orders = np.random.default_rng(3).permuted(np.tile(np.arange(10), (199, 1)), axis=1)
    ratios = np.array([ratio(line + (root * (z - line))[order] / root) for order in orders])
    (test,) = found.summary()["tests"]
    assert test["ratio"] == pytest.approx(ratio(z), rel=1e-9)
    assert test["p"] == (1 + (ratios > ratio(z) * (1 - 1e-9)).sum()) / 200
    if weights == "poisson":  # where it matters that weighted residuals are shuffled
        assert test["p"] != (1 + sum(ratio(line + (z - line)[order]) >= ratio(z) for order in orders)) / 200
    if counts is TWO_VALUES:
        assert (abs(ratios / ratio(z) - 1) < 1e-9).any()


def test_limits_are_those_of_separate_lines_with_a_t_quantile():
    found = joinpoint.fit(YEARS, RATES, joinpoints=1)
    at, z = found.joinpoints[0], np.log(RATES)
    left, right = at > YEARS, at < YEARS
    left_over, spread = 0.0, []
    for part in (left, right):
        slope, level = np.polyfit(YEARS[part] - 2010.0, z[part], 1)
        left_over += ((z[part] - level - slope * (YEARS[part] - 2010)) ** 2).sum()
        spread.append(((YEARS[part] - YEARS[part].mean()) ** 2).sum())
    se = np.sqrt(left_over / (10 - 1 - 4) / np.array(spread))
    limits = 100 * np.expm1(found.segments["slope"].to_numpy() + student(5).ppf(0.975) * se)
    assert found.segments["upper"].to_numpy() == pytest.approx(limits, rel=1e-9)
    assert found.segments["p"].to_numpy() == pytest.approx(2 * student(5).sf(abs(found.segments["slope"]) / se), rel=1e-9)


def test_a_window_inside_one_segment_has_its_apc_and_t_limits_else_normal_ones():
    found = joinpoint.fit(YEARS, RATES, joinpoints=1)
    first, second = (found.segments.iloc[i] for i in (0, 1))
    inside = found.aapc(start=2010.5, end=first["end"]).iloc[0]
    assert inside[["value", "lower", "upper"]].tolist() == pytest.approx(first[["value", "lower", "upper"]].tolist())
    across = found.aapc(start=first["end"] - 3, end=first["end"] + 1).iloc[0]
    slope, se = (3 * first["slope"] + second["slope"]) / 4, np.hypot(3 * first["se"], second["se"]) / 4
    expected = [100 * np.expm1(slope + z * se) for z in (0, norm.ppf(0.025), norm.ppf(0.975))]
    assert across[["value", "lower", "upper"]].tolist() == pytest.approx(expected, rel=1e-9)
    straight = joinpoint.fit(YEARS, RATES, joinpoints=0)
    assert straight.aapc()["upper"].tolist() == pytest.approx(straight.segments["upper"].tolist())


def test_results_are_estimate_frames_with_counts_of_their_years():
    found = joinpoint.fit(YEARS, CASES, weights="poisson", population=[1000] * 10, joinpoints=1)
    assert list(found.segments.columns) == ["start", "end", *COLUMNS, "slope", "se", "df", "p"]
    assert list(found.aapc().columns) == list(found.segments.columns)
    assert found.joinpoints == (2014,)
    assert found.segments["numerator"].tolist() == [48, 49]  # 2014 belongs to both
    assert found.segments["denominator"].tolist() == [5000, 6000]
    assert found.aapc(2015, 2019)[["numerator", "denominator"]].to_numpy().tolist() == [[34, 5000]]
    assert joinpoint.fit(YEARS, RATES).segments["numerator"].isna().all()


@settings(max_examples=60, deadline=None)
@given(rates, st.integers(0, 2), st.booleans())
def test_units_shifts_and_order_change_nothing_and_the_mirror_mirrors(values, k, log):
    y, x = np.array(values), np.arange(2001, 2001 + len(values))
    assume(k <= most_joinpoints(len(y)))
    found = joinpoint.fit(x, y, log=log, joinpoints=k)
    assume((found.candidates["ties"] == 1).all())
    assume((found.candidates["sse"] > 1e-12 * (y @ y)).all())
    thousand = joinpoint.fit(x, y * 1000, log=log, joinpoints=k)
    assert thousand.joinpoints == found.joinpoints
    earlier = joinpoint.fit(x - 2000, y, log=log, joinpoints=k)
    assert tuple(at + 2000 for at in earlier.joinpoints) == found.joinpoints
    swapped = joinpoint.fit(x[::-1], y[::-1], log=log, joinpoints=k)
    pd.testing.assert_frame_equal(swapped.segments, found.segments)
    mirror = joinpoint.fit(x, y[::-1], log=log, joinpoints=k)
    assert tuple(x[0] + x[-1] - at for at in mirror.joinpoints[::-1]) == found.joinpoints
    assert mirror.segments["slope"].to_numpy()[::-1] == pytest.approx(-found.segments["slope"], rel=1e-6, abs=1e-9)
    for row in (*found.segments.itertuples(), *found.aapc().itertuples()):
        assert row.note or row.lower <= row.value <= row.upper
    assert found.candidates["sse"].is_monotonic_decreasing or k == 2  # placements of one and two are not nested


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=9, max_size=9), min_size=1, max_size=4),
    st.sampled_from(["wbic", "bic", "bic3", "permutation"]),
)
def test_many_series_together_give_what_each_gives_alone(table, rule):
    long = pd.DataFrame(
        [(place, 2010 + i, n) for place, row in enumerate(table) for i, n in enumerate(row)], columns=["place", "year", "n"]
    )
    options = {"weights": "poisson", "select": rule, "permutations": 99}
    together = joinpoint.fit_many(long.sample(frac=1, random_state=1), x="year", y="n", by="place", **options)
    for place, row in enumerate(table):
        own = together[together["place"] == place]
        if not any(row):
            assert own["note"].tolist() == ["all counts are 0"]
            continue
        alone = joinpoint.fit(range(2010, 2019), row, **options)
        assert own["joinpoints"].tolist() == [len(alone.joinpoints)] * len(own)
        expected = pd.concat([alone.segments, alone.aapc()], ignore_index=True)
        pd.testing.assert_frame_equal(own[list(expected.columns)].reset_index(drop=True), expected, rtol=1e-7, atol=1e-9)


def test_many_series_may_differ_in_their_years_and_missing_keys_are_a_series():
    years = {"a": range(2010, 2020), "b": [2009, *range(2011, 2020)], None: range(2010, 2018), "short": range(6)}
    table = pd.DataFrame([(key, x, 3.0 + x % 3) for key, xs in years.items() for x in xs], columns=["place", "year", "rate"])
    before = table.copy()
    found = joinpoint.fit_many(table, x="year", y="rate", by=["place"], joinpoints=0)
    pd.testing.assert_frame_equal(table, before)
    whole = found[found["method"] == "joinpoint AAPC"]
    assert whole["start"].tolist() == [2010, 2009, 0, 2010]
    assert whole["note"].tolist() == ["", "", "fewer than 7 points", ""]
    assert whole["value"].isna().tolist() == [False, False, True, False]
    assert joinpoint.fit_many(table.iloc[:0], x="year", y="rate", by="place").empty


def test_zero_counts_become_a_half_with_the_weight_of_a_half_and_it_is_said():
    cases = [0, *CASES[1:-1], 0]
    found = joinpoint.fit(YEARS, cases, weights="poisson", joinpoints=0)
    assert found.summary()["half_added"] == (2010, 2019)
    halves = np.where(np.array(cases) == 0, 0.5, cases)
    slope, _ = np.polyfit(YEARS - 2010.0, np.log(halves), 1, w=np.sqrt(halves))
    assert found.segments["slope"].iloc[0] == pytest.approx(slope, rel=1e-9)
    assert joinpoint.fit(YEARS, [0.0, *RATES[1:]], log=False).summary()["half_added"] == ()


def test_weights_are_the_inverse_variances_of_rates_or_their_logarithms():
    se, persons = np.linspace(0.5, 3, 10), np.linspace(1e4, 9e4, 10)
    z, rate = np.log(RATES), np.array(CASES) / persons
    for log, values, root in ((True, z, RATES / se), (False, np.array(RATES), 1 / se)):
        found = joinpoint.fit(YEARS, RATES, se=se, weights="se", log=log, joinpoints=0)
        assert found.segments["slope"].iloc[0] == pytest.approx(np.polyfit(YEARS - 2010.0, values, 1, w=root)[0], rel=1e-9)
    for log, values, root in ((True, np.log(rate), np.sqrt(CASES)), (False, rate, persons / np.sqrt(CASES))):
        found = joinpoint.fit(YEARS, CASES, population=persons, weights="poisson", log=log, joinpoints=0)
        assert found.segments["slope"].iloc[0] == pytest.approx(np.polyfit(YEARS - 2010.0, values, 1, w=root)[0], rel=1e-9)


def test_the_summary_tells_how_the_number_was_chosen():
    said = joinpoint.fit(YEARS, RATES).summary()
    assert (said["select"], said["k_max"], said["variance"], said["permutations"]) == ("permutation", 1, "constant", 4499)
    said = joinpoint.fit(range(20), [*RATES, *RATES]).summary()
    assert (said["select"], said["k_max"], said["tests"], said["limits"]) == ("wbic", 3, [], "parametric")
    assert joinpoint.fit(range(19), [*RATES, *RATES[1:]]).summary()["select"] == "permutation"
    assert joinpoint.fit(YEARS, RATES, joinpoints=1).summary()["select"] == "fixed"
    assert [usual_most(n) for n in (6, 7, 11, 12, 16, 17, 21, 22, 26, 27, 99)] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [most_joinpoints(n) for n in (4, 5, 7, 8, 10, 11)] == [0, 1, 1, 2, 2, 3]


def test_the_sequence_of_tests_follows_its_levels():
    x = np.arange(18)
    bend = 0.1 * np.minimum(x, 9) - 0.12 * np.maximum(x - 9, 0) + 0.02 * np.tile([1, -1, 0], 6)
    tests = joinpoint.fit(x, np.exp(bend)).summary()["tests"]
    steps = [(test["null"], test["alternative"], test["rejected"]) for test in tests]
    assert steps == [(0, 3, True), (1, 3, False), (1, 2, False)]
    assert [test["alpha"] for test in tests] == [0.05 / 3, 0.05 / 2, 0.05 / 2]
    noise = np.random.default_rng(5).normal(0, 0.1, (12, 18))
    fits = [joinpoint.fit(x, np.exp(bend / 4 + each), permutations=199) for each in noise]
    tests = [test for found in fits for test in found.summary()["tests"]]
    assert all(test["rejected"] == (test["p"] < test["alpha"]) for test in tests)
    assert any(test["alternative"] < 3 and test["alpha"] < test["p"] < 0.05 for test in tests)


def test_a_tie_is_counted_and_the_first_placement_taken(monkeypatch):
    symmetric = np.array([1, 2, 4, 3, 2, 2, 3, 4, 2, 1.0])
    row = joinpoint.fit(range(10), symmetric, joinpoints=1).candidates.iloc[1]
    assert (row["joinpoints"], row["ties"]) == ((2,), 2)
    line = joinpoint.fit(range(16), 3.0 ** np.arange(16), joinpoints=2).candidates
    monkeypatch.setattr(grid, "_CELLS", 1)  # each placement in a block of its own
    pd.testing.assert_frame_equal(joinpoint.fit(range(16), 3.0 ** np.arange(16), joinpoints=2).candidates, line)
    assert line["joinpoints"].tolist() == [(), (2,), (2, 5)]
    assert line["ties"].tolist() == [placements(16, k) for k in range(3)]


def test_perfect_fits_have_their_joinpoints_and_no_invented_limits():
    bend = [100 * 1.05 ** min(i, 7) * 0.9 ** max(i - 7, 0) for i in range(15)]
    for rule in ("permutation", "wbic", "bic", "bic3"):
        found = joinpoint.fit(range(2000, 2015), bend, select=rule)
        assert found.joinpoints == (2007,)
        assert found.segments["value"].tolist() == pytest.approx([5, -10])
        assert found.segments["lower"].isna().all()
        assert set(found.segments["note"]) == {"no residual variance around the lines"}
    assert [test["p"] for test in joinpoint.fit(range(2000, 2015), bend).summary()["tests"]] == [1 / 4500, 1]
    constant = joinpoint.fit(YEARS, [4] * 10)
    assert (constant.joinpoints, constant.segments["value"].tolist()) == ((), [0])
    assert np.isnan(constant.summary()["tests"][0]["ratio"])
    assert joinpoint.fit(YEARS, [0] * 10, log=False).aapc()["value"].tolist() == [0]


def test_no_degrees_of_freedom_means_no_limits():
    found = joinpoint.fit(range(8), RATES[:8], joinpoints=2)
    assert found.joinpoints == (2, 5)
    assert found.segments["note"].tolist() == ["no residual degrees of freedom"] * 3
    assert found.aapc()["note"].tolist() == ["no residual degrees of freedom"]
    assert found.aapc()["lower"].isna().all()


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_huge_and_tiny_values_bend_where_ordinary_ones_do(factor, log):
    expected = joinpoint.fit(YEARS, RATES, log=log, select="wbic")
    found = joinpoint.fit(YEARS, np.array(RATES) * factor, log=log, select="wbic")
    assert found.joinpoints == expected.joinpoints
    unit = 1 if log else factor
    assert (found.aapc()["upper"] / unit).tolist() == pytest.approx(expected.aapc()["upper"].tolist(), rel=1e-9)


def test_decimal_years_odd_indices_and_integers_are_taken_by_position():
    expected = joinpoint.fit(YEARS, RATES, joinpoints=1)
    odd = joinpoint.fit(pd.Series(YEARS, index=range(30, 20, -1)), pd.Series(RATES, index=list("jihgfedcba")), joinpoints=1)
    pd.testing.assert_frame_equal(odd.segments, expected.segments)
    quarters = joinpoint.fit(YEARS / 4, RATES, joinpoints=1)
    assert quarters.joinpoints == (expected.joinpoints[0] / 4,)
    assert quarters.segments["slope"].tolist() == pytest.approx((4 * expected.segments["slope"]).tolist(), rel=1e-9)
    assert joinpoint.fit(pd.Series(YEARS, dtype="Int64"), pd.Series(CASES, dtype="Int8"), weights="poisson").summary()["n"] == 10


@pytest.mark.parametrize(
    ("values", "options", "rows"),
    [
        ([0, *RATES[1:]], {}, ["row 0: x=2010, y=0: a rate of 0 or below has no logarithm"]),
        (
            [None, *RATES[1:9], np.inf],
            {},
            [
                "row 0: x=2010, y=missing: y is missing, infinite or no number",
                "row 9: x=2019, y=inf: y is missing, infinite or no number",
            ],
        ),
        (
            [-1, 2.5, *CASES[2:]],
            {"weights": "poisson"},
            ["row 0: x=2010, y=-1: the count is negative", "row 1: x=2011, y=2.5: the count is not whole"],
        ),
        (CASES, {"population": [0] + [9] * 9}, ["row 0: x=2010, y=5, population=0: the population is not a number above 0"]),
        (
            RATES,
            {"weights": "se", "se": [1] * 9 + [0]},
            ["row 9: x=2019, y=15.6, se=0: the standard error is not a number above 0"],
        ),
        (
            RATES,
            {"weights": "se", "se": [1] * 9 + [1e9]},
            ["row 9: x=2019, y=15.6, se=1000000000: its weight is less than a millionth of a millionth of the largest"],
        ),
    ],
)
def test_rows_that_cannot_be_used_are_all_named(values, options, rows):
    with pytest.raises(CountError) as refused:
        joinpoint.fit(YEARS, values, **options)
    assert str(refused.value) == "\n  ".join([f"{len(rows)} of 10 rows cannot be used", *rows])


def test_series_that_cannot_be_used_are_refused_with_the_reason():
    with pytest.raises(CountError, match=r"^all counts are 0: there is no trend to estimate$"):
        joinpoint.fit(YEARS, [0] * 10, weights="poisson")
    with pytest.raises(CountError, match=r"^6 points: joinpoint regression needs at least 7$"):
        joinpoint.fit(range(6), RATES[:6])
    with pytest.raises(CountError, match=r"row b: x=2010, y=19.6: this x stands more than once"):
        joinpoint.fit([2010, *YEARS[:9]], pd.Series(RATES, index=list("abcdefghij")))
    table = pd.DataFrame({"place": ["a", "a"], "year": [2010, 2010], "cases": [1, -1]}, index=["r", "s"])
    with pytest.raises(CountError, match=r"row r: year=2010, cases=1: this x stands more than once"):
        joinpoint.fit_many(table, x="year", y="cases", by="place", weights="poisson")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"joinpoints": 3}, "10 points have room for at most 2 joinpoints, not 3"),
        ({"joinpoints": -1}, "joinpoints=-1: give a whole number from 0 up"),
        ({"joinpoints": 2, "max_joinpoints": 1}, "2 joinpoints are more than max_joinpoints=1"),
        ({"seed": 1.5}, "seed=1.5: give a whole number from 0 up"),
        ({"permutations": 10}, "permutations=10: give a whole number from 99 up"),
        ({"select": "aic"}, "select='aic': choose from permutation, wbic, bic, bic3"),
        ({"weights": "count"}, "weights='count': choose from constant, se, poisson"),
        ({"weights": "se"}, "standard errors and weights='se' go together: give both or none"),
        ({"se": RATES}, "standard errors and weights='se' go together: give both or none"),
        ({"se": RATES, "weights": "se", "population": RATES}, "standard errors belong to rates: leave out the population"),
        ({"population": [1, 2]}, "not of one length: x 10, y 10, population 2"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ParameterRefused) as refused:
        joinpoint.fit(YEARS, RATES, **options)
    assert str(refused.value) == message


def test_too_many_placements_and_empty_windows_are_refused():
    with pytest.raises(ParameterRefused, match=r"^1908683235 placements of up to 5 joinpoints on 200 points are too many"):
        joinpoint.fit(range(200), [*RATES] * 20, select="permutation")
    with pytest.raises(
        ParameterRefused, match=r"^no window from 2015 to 2030: give a start before the end, both from 2010 to 2019$"
    ):
        joinpoint.fit(YEARS, RATES).aapc(2015, 2030)
    with pytest.raises(ParameterRefused, match=r"^x holds dates: give numbers, such as years$"):
        joinpoint.fit(pd.date_range("2010", periods=10, freq="YE"), RATES)
    with pytest.raises(ParameterRefused, match=r"^results have columns of their own named note: rename the grouping"):
        joinpoint.fit_many(pd.DataFrame({"note": [], "x": [], "y": []}), x="x", y="y", by="note")
    with pytest.raises(ParameterRefused, match=r"^the table has no column 'yaer'; nearest are year"):
        joinpoint.fit_many(pd.DataFrame({"place": ["a"], "year": [1], "y": [1]}), x="yaer", y="y", by="place")
