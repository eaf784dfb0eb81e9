"""How often nominal 95 % intervals hold the truth, and how often a verdict sees a trend that is not there.

Run from the root of the project: `OPENBLAS_NUM_THREADS=1 python benchmarks/coverage.py` (about five minutes on one core).
Writes the tables into docs/statistics.md between its markers; all simulations are seeded.
"""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import joinpoint as joinpoints
import numpy as np
import pandas as pd
import shrunken

from ohstats import rates, trend

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
SEED, SERIES = 20240611, 4000


def held(lower: pd.Series, upper: pd.Series, truth: float | np.ndarray) -> float:
    """Percent of intervals that hold the truth."""
    return 100 * float(np.mean((lower <= truth + 1e-12) & (upper >= truth - 1e-12)))


def shares(random: np.random.Generator) -> pd.DataFrame:
    """Wilson limits of shares; the mean over shares from 1 to 99 % is what is nominal, single shares wave about it."""
    rows = []
    for n in (10, 30, 100, 1000):
        truth = random.uniform(0.01, 0.99, 40_000)
        table = pd.DataFrame({"x": random.binomial(n, truth), "n": n, "i": range(len(truth))})
        for method in ("wilson", "clopper-pearson"):
            found = rates.proportion(table, numerator="x", denominator="n", by=["i"], method=method)
            rows.append({"n": n, "method": method, "coverage, %": held(found["lower"], found["upper"], 100 * truth)})
    return pd.DataFrame(rows)


def standardised(random: np.random.Generator) -> pd.DataFrame:
    """Dobson's limits of directly standardised rates, five strata, by the number of events expected."""
    standard = np.array([6000, 12000, 10000, 7000, 4000])
    shape = np.array([0.2, 0.5, 1.0, 2.0, 4.0])
    population = np.array([9000, 15000, 11000, 6000, 2000])
    rows = []
    for events in (12, 30, 100):
        rate = shape * events / (shape * population).sum()
        truth = 100_000 * (rate * standard).sum() / standard.sum()
        cases = random.poisson(rate * population, (SERIES, 5))
        table = pd.DataFrame(
            {
                "area": np.repeat(range(SERIES), 5),
                "x": cases.ravel(),
                "n": np.tile(population, SERIES),
                "w": np.tile(standard, SERIES),
            }
        )
        found = rates.standardised_rate(table, events="x", population="n", standard="w", by=["area"])
        given = found.dropna(subset=["lower"])
        rows.append(
            {
                "events expected": events,
                "given (10 events or more), %": 100 * len(given) / SERIES,
                "coverage, %": held(given["lower"], given["upper"], truth),
            }
        )
    return pd.DataFrame(rows)


def percent_changes(random: np.random.Generator) -> pd.DataFrame:
    """Annual percent change by family; counts are Poisson, or gamma-Poisson with the variance named."""
    rows = []
    for n, mean, extra in ((5, 10, 0.0), (5, 10, 0.1), (10, 4, 0.0), (10, 20, 0.0), (10, 20, 0.1), (15, 50, 0.1)):
        years = np.arange(n)
        truth = np.log(0.95)
        expected = mean * np.exp(truth * (years - years.mean()))
        table = _series(random, expected, extra)
        row = {"points": n, "mean count": mean, "variance": f"m + {extra:g} m²" if extra else "m"}
        for family in ("quasipoisson", "poisson"):
            found = trend.percent_change(table, count="y", year="year", by=["i"], family=family).dropna(subset=["lower"])
            row[f"{family}: coverage, %"] = held(found["lower"], found["upper"], 100 * np.expm1(truth))
        flat = _series(random, np.full(n, float(mean)), extra)
        words = trend.verdict(trend.percent_change(flat, count="y", year="year", by=["i"]))["verdict"].value_counts()
        row["no trend: says falling, %"] = 100 * words.get("falling", 0) / SERIES
        row["no trend: says rising, %"] = 100 * words.get("rising", 0) / SERIES
        rows.append(row)
    return pd.DataFrame(rows)


def _series(random: np.random.Generator, expected: np.ndarray, extra: float) -> pd.DataFrame:
    n = len(expected)
    mean = np.tile(expected, (SERIES, 1))
    if extra:
        mean = mean * random.gamma(1 / extra, extra, mean.shape)
    return pd.DataFrame(
        {"i": np.repeat(range(SERIES), n), "year": np.tile(np.arange(n), SERIES), "y": random.poisson(mean).ravel()}
    )


def markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table; one decimal, two below 10."""

    def cell(value: object) -> str:
        return (f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}") if isinstance(value, float) else str(value)

    cells = table.map(cell)
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def printed(work) -> str:
    """What a benchmark prints."""
    text = io.StringIO()
    with redirect_stdout(text):
        work()
    return text.getvalue().strip()


def main() -> None:
    """Compute all tables and put them into the page."""
    random = np.random.Generator(np.random.PCG64(SEED))
    parts = {
        "Shares": markdown(shares(random)),
        "Directly standardised rates": markdown(standardised(random)),
        "Annual percent change": markdown(percent_changes(random)),
        "Joinpoints found where none is": printed(joinpoints.false_joinpoints),
        "Joinpoint: APC and AAPC": printed(joinpoints.coverage),
        "Trends of small places that borrow strength": markdown(shrunken.coverage_of_shrunken_trends()),
        "Forecasts": markdown(shrunken.coverage_of_forecasts()),
        **{f"Held-out years: {name}": markdown(table) for name, table in shrunken.worth().items()},
    }
    made = "\n\n".join(f"### {title}\n\n{body}" for title, body in parts.items())
    page = PAGE.read_text(encoding="utf-8")
    page = re.sub(
        r"(<!-- generated -->\n).*(<!-- end -->)", lambda match: f"{match[1]}\n{made}\n\n{match[2]}", page, flags=re.DOTALL
    )
    PAGE.write_text(page, encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
