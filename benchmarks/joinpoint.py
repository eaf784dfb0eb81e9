"""Joinpoint regression: how long it takes, how often it bends where nothing bends, how often its limits hold the truth.

Run from the root of the project on one core: `OPENBLAS_NUM_THREADS=1 python benchmarks/joinpoint.py`.
Prints Markdown tables. Timings are medians; the simulations are seeded.
"""

from __future__ import annotations

import time
from itertools import product
from statistics import median

import numpy as np
import pandas as pd

from ohstats import joinpoint

SEED = 20240607


def seconds(work, *, repeats=9):
    """Median wall time of `work()` and its last result."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return median(taken), result


def long(counts, **columns):
    """A table with one row per series and year from an array (series, years)."""
    series, n = counts.shape
    table = {"series": np.repeat(np.arange(series), n), "year": np.tile(np.arange(2001, 2001 + n), series)}
    return pd.DataFrame({**table, "y": counts.ravel(), **columns})


def row(*cells):
    """Print one line of a table."""
    print("| " + " | ".join(f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |", flush=True)


def head(*names):
    row(*names)
    row(*["---"] * len(names))


def timings():
    generator = np.random.default_rng(SEED)
    x = np.arange(2004, 2024)
    bend = 2 + 0.1 * np.minimum(x - 2004, 10) - 0.08 * np.maximum(x - 2014, 0)
    values = np.exp(bend + generator.normal(0, 0.05, 20))
    many = long(generator.poisson(8, (10_000, 20)), population=100_000)
    options = {"x": "year", "y": "y", "by": "series", "population": "population", "select": "wbic"}
    head("task", "median seconds", "limit")
    for name, limit, work in (
        ("20 points, 0–3 joinpoints, 4,499 permutations", 0.10, lambda: joinpoint.fit(x, values, select="permutation")),
        ("the same by weighted BIC", 0.10, lambda: joinpoint.fit(x, values, select="wbic")),
        ("10,000 series of 20 points, weighted BIC", 30, lambda: joinpoint.fit_many(many, **options)),
        ("the same, Poisson variance", 30, lambda: joinpoint.fit_many(many, weights="poisson", **options)),
    ):
        row(name, f"{seconds(work)[0]:.3f}", f"{limit:g}")


def false_joinpoints(series=1000, permutations=999):
    """Percent of series without any change in which joinpoints are found."""
    print(f"\n{series} Poisson series without change, log-linear; permutation tests with {permutations} permutations.\n")
    head("n", "mean", "permutation, constant", "permutation, Poisson", "WBIC, constant", "WBIC, Poisson")
    for n, mean in product((8, 10, 15, 20), (4, 30)):
        table = long(np.random.default_rng([SEED, n, mean]).poisson(mean, (series, n)), population=1)
        cells = []
        for select, weights in product(("permutation", "wbic"), ("constant", "poisson")):
            options = {"weights": weights, "select": select, "permutations": permutations, "population": "population"}
            found = joinpoint.fit_many(table, x="year", y="y", by="series", **options)
            cells.append(100 * (found.groupby("series")["joinpoints"].first() > 0).mean())
        row(n, mean, *cells)


def coverage(series=2000, permutations=999):
    """Coverage of nominal 95 % limits, in percent, where the truth has one joinpoint: +8 % a year, then −5 %."""
    print(f"\n{series} series with one joinpoint in the middle, +8 % then −5 % a year; {permutations} permutations.\n")
    head("n", "noise", "chosen by", "right number", "first APC", "last APC", "average of all years")
    noises = {"log-normal, sd 0.03": 0.03, "log-normal, sd 0.10": 0.10, "Poisson, mean 200 at first": None}
    choices = {"known number": {"joinpoints": 1}, "permutation": {"select": "permutation"}, "WBIC": {"select": "wbic"}}
    for n, (noise, sd) in product((15, 21), noises.items()):
        x, generator = np.arange(n), np.random.default_rng([SEED, n])
        curve = np.log(1.08) * np.minimum(x, n // 2) + np.log(0.95) * np.maximum(x - n // 2, 0)
        truth = (8, -5, 100 * np.expm1((curve[-1] - curve[0]) / (n - 1)))
        if sd is None:
            table = long(generator.poisson(200 * np.exp(curve), (series, n)))
        else:
            table = long(np.exp(curve + generator.normal(0, sd, (series, n))))
        for name, choice in choices.items():
            options = {"weights": "poisson" if sd is None else "constant", "permutations": permutations, **choice}
            found = joinpoint.fit_many(table, x="year", y="y", by="series", **options)
            lines = found[found["method"] == "joinpoint APC"].groupby("series")
            whole = found[found["method"] == "joinpoint AAPC"]
            held = [
                100 * ((part["lower"] <= true) & (true <= part["upper"])).mean()
                for part, true in zip((lines.first(), lines.last(), whole), truth, strict=True)
            ]
            row(n, noise, name, 100 * (whole["joinpoints"] == 1).mean(), *held)


if __name__ == "__main__":
    timings()
    false_joinpoints()
    coverage()
