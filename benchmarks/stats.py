"""Times of the statistics on one core: medians in milliseconds, beside what was asked for.

Run with `python benchmarks/stats.py`; the figures depend on the machine, their ratios less so.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import joinpoint
import numpy as np
import pandas as pd
import shrunken

from ohstats import limits, rates, trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Timed = tuple[str, float, float | None]


def milliseconds(task: Callable[[], object], *, rounds: int = 15) -> float:
    """Median time of a task after one round to warm up."""
    task()
    taken = []
    for _round in range(rounds):
        start = time.perf_counter()
        task()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def proportions_and_rates(random: np.random.Generator) -> Iterator[Timed]:
    """100,000 shares and rates, 20,000 standardised rates."""
    due = random.integers(1, 500, 100_000)
    done = random.binomial(due, 0.9)
    table = pd.DataFrame({"area": np.arange(100_000), "name": [f"{i:06d}" for i in range(100_000)], "x": done, "n": due})
    jumbled = table.sample(frac=1, random_state=1)
    share = {"numerator": "x", "denominator": "n"}
    yield "Wilson limits, arrays of 100,000", milliseconds(lambda: limits.wilson(done, due)), 3
    yield "Wilson, frame of 100,000", milliseconds(lambda: rates.proportion(table, **share, by=["area"])), 15
    yield ("Wilson, frame of 100,000, keys as text", milliseconds(lambda: rates.proportion(table, **share, by=["name"])), 15)
    yield "the same, not sorted", milliseconds(lambda: rates.proportion(jumbled, **share, by=["name"])), None
    exact = milliseconds(lambda: rates.proportion(table, **share, by=["area"], method="clopper-pearson"), rounds=5)
    yield "Clopper-Pearson, frame of 100,000", exact, None
    yield ("rates, frame of 100,000", milliseconds(lambda: rates.rate(table, events="x", population="n", by=["area"])), None)
    strata = pd.DataFrame({"area": np.repeat(np.arange(20_000), 5), "standard": np.tile([30, 25, 20, 15, 10], 20_000)})
    strata = strata.assign(n=random.integers(500, 5000, 100_000), x=random.poisson(4, 100_000))
    names = {"events": "x", "population": "n", "standard": "standard"}
    yield ("DSR of 20,000 areas × 5 strata", milliseconds(lambda: rates.standardised_rate(strata, **names, by=["area"])), 20)


def trends(random: np.random.Generator) -> Iterator[Timed]:
    """Trends of 2,850 places over 15 years."""
    table = pd.DataFrame({"place": np.repeat(np.arange(2850), 15), "year": np.tile(np.arange(2010, 2025), 2850)})
    table["cases"] = random.poisson(4, len(table))
    names = {"count": "cases", "year": "year", "by": ["place"]}
    yield "percent change of 2,850 places × 15 years", milliseconds(lambda: trend.percent_change(table, **names)), None
    few = table[table["place"] < 50]
    negative = milliseconds(lambda: trend.percent_change(few, **names, family="negative_binomial"), rounds=3)
    yield "the same, negative binomial, 50 places", negative, None


def main() -> None:
    """Print the table."""
    for part in (proportions_and_rates, trends):
        for name, taken, asked in part(np.random.default_rng(20240101)):
            print(f"{name:45s} {taken:9.2f} ms" + (f"   (asked: at most {asked:g})" if asked else ""))
    joinpoint.timings()
    print(shrunken.speed().to_string(index=False))


if __name__ == "__main__":
    main()
