"""Speed, coverage and worth of the methods for small places.

Call: `python benchmarks/shrunken.py [speed] [coverage] [worth]`.

Prints tables; everything is seeded. `worth` also reads the real provinces where `shared` is at hand (OHSTATS_SHARED,
else beside the repository); they are not part of the project.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ohstats import surveillance

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
PROVINCES = Path(os.environ.get("OHSTATS_SHARED", ROOT.parent / "shared")) / "data" / "turkey_sgk_province_year_raw.csv"


def counts(rng: np.random.Generator, mean: np.ndarray, kind: str, extra: float) -> np.ndarray:
    """Counts around means: Poisson, variance m + extra·m² (NB2; unequal: extra varies) or (1 + extra)·m (NB1)."""
    if kind == "NB2":
        mean = rng.gamma(1 / extra, extra * mean)
    elif kind == "NB1":
        mean = rng.gamma(mean / extra) * extra
    elif kind == "NB2, unequal":
        own = extra * rng.gamma(1.0, size=(len(mean), 1)) + 1e-6
        mean = rng.gamma(1 / own, own * mean)
    return rng.poisson(mean)


def region(rng: np.random.Generator, places: int, years: int, tau: float, kind: str, extra: float, mu: float = -0.03):
    """Places with 0 to about 50 cases a year, and the true slopes."""
    level, slope = np.exp(rng.uniform(np.log(0.3), np.log(40), places)), rng.normal(mu, tau, places)
    when = np.arange(years) - (years - 1) / 2
    return slope, frame(counts(rng, level[:, None] * np.exp(slope[:, None] * when), kind, extra))


def frame(cases: np.ndarray) -> pd.DataFrame:
    places, years = cases.shape
    keys = {"place": np.repeat(np.arange(places), years), "year": np.tile(2010 + np.arange(years), places)}
    return pd.DataFrame({**keys, "cases": cases.ravel()})


COLUMNS = {"count": "cases", "year": "year"}


def coverage_of_shrunken_trends() -> pd.DataFrame:
    cases = [
        (100, 15, 0.05, "Poisson", 0.0), (100, 15, 0.05, "NB2", 0.1), (100, 15, 0.05, "NB1", 1.0),
        (100, 10, 0.05, "NB2", 0.1), (100, 6, 0.05, "NB2", 0.1), (100, 15, 0.10, "NB2", 0.1),
        (100, 15, 0.02, "NB2", 0.1), (100, 15, 0.05, "NB2, unequal", 0.2), (100, 15, 0.0, "Poisson", 0.0),
        (20, 15, 0.05, "NB2", 0.1), (5, 15, 0.05, "NB2", 0.1), (2, 15, 0.05, "NB2", 0.1), (1, 15, 0.05, "NB2", 0.1),
    ]  # fmt: skip
    rows = []
    for places, years, tau, kind, extra in cases:
        rng, inside, falling, rising, width = np.random.default_rng(1), [], [], [], []
        for _series in range(max(2000 // places, 20)):
            slope, table = region(rng, places, years, tau, kind, extra)
            found = surveillance.shrunken_trend(table, place="place", **COLUMNS)
            known = found["value"].notna().to_numpy()
            lower, upper = (np.log1p(found[end].to_numpy()[known] / 100) for end in ("lower", "upper"))
            true = slope[known]
            inside.append((lower <= true) & (true <= upper))
            falling.append((upper < 0) & (true >= 0))
            rising.append((lower > 0) & (true <= 0))
            width.append(upper - lower)
        share = [100 * np.concatenate(each).mean() for each in (inside, falling, rising, width)]
        rows.append((places, years, tau, kind, extra, len(np.concatenate(inside)), *share))
    names = ["places", "years", "tau", "counts", "extra", "trends", "covered %", "false falling %", "false rising %"]
    return pd.DataFrame(rows, columns=[*names, "mean width, %"]).round(2)


def coverage_of_forecasts() -> pd.DataFrame:
    cases = [
        (5, 10, "Poisson", 0.0), (5, 10, "NB2", 0.1), (5, 50, "NB2", 0.1), (10, 2, "Poisson", 0.0),
        (10, 10, "NB2", 0.1), (10, 50, "Poisson", 0.0), (10, 50, "NB2", 0.1), (15, 1, "Poisson", 0.0),
        (15, 4, "NB1", 1.0), (15, 50, "Poisson", 0.0), (15, 50, "NB2", 0.1), (15, 400, "NB2", 0.02),
    ]  # fmt: skip
    rows, series, ahead = [], 2000, 2
    for years, level, kind, extra in cases:
        rng = np.random.default_rng(2)
        mean = level * 0.95 ** (np.arange(years + ahead) - years / 2)
        cases_ = counts(rng, np.broadcast_to(mean, (series, years + ahead)), kind, extra)
        table = frame(cases_[:, :years])
        found = surveillance.forecast(table, by="place", horizon=ahead, draws=2000, **COLUMNS)
        lower, upper = (found[end].to_numpy().reshape(series, ahead) for end in ("lower", "upper"))
        true = cases_[:, years:]
        covered = 100 * ((lower <= true) & (true <= upper)).mean(axis=0)
        rows.append((years, level, kind, extra, *covered, 100 * (true < lower).mean(), 100 * (true > upper).mean()))
    names = ["years", "mean", "counts", "extra", "1 year ahead %", "2 years ahead %", "below %", "above %"]
    return pd.DataFrame(rows, columns=names).round(1)


def worth() -> dict[str, pd.DataFrame]:
    found, options = {}, {"place": "place", "held_out": 3, **COLUMNS}
    for name, tau in (("alike", 0.0), ("different", 0.05), ("very different", 0.15)):
        _slope, table = region(np.random.default_rng(3), 300, 12, tau, "NB2", 0.1)
        found[f"300 synthetic places, slopes {name} (tau {tau})"] = surveillance.holdout_score(table, **options)
    if PROVINCES.exists():
        raw = pd.read_csv(PROVINCES)
        raw = raw[raw["İl Kodu"].between(1, 81) & (raw["Yıl"] >= 2013)]  # 2012/2013 is a break
        both = raw["Meslek Hastalığı (Erkek)"] + raw["Meslek Hastalığı (Kadın)"]
        table = pd.DataFrame({"place": raw["İl Kodu"], "year": raw["Yıl"], "cases": both})
        found["81 provinces, fitted 2013-2021, held out 2022-2024"] = surveillance.holdout_score(table, **options)
    columns = ["places", "value", "lower", "upper", "shrunken", "own", "no_trend", "denominator", "numerator"]
    names = {"value": "gain", "denominator": "number", "numerator": "counts"}
    return {name: table[columns].rename(columns=names).round(3) for name, table in found.items()}


def speed() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    _slope, large = region(rng, 2850, 15, 0.05, "NB2", 0.1)
    small = large[large["place"] < 100]
    places = large.groupby("place", as_index=False)["cases"].sum().assign(people=rng.integers(1_000, 900_000, 2850))
    rows = pd.DataFrame({"row": np.arange(100_000), "cases": rng.poisson(4, 100_000), "before": rng.poisson(20, 100_000)})
    size = {"events": "cases", "population": "people", "by": "place"}
    tasks: dict[str, Callable[[], object]] = {
        "shrunken trends of 2,850 places × 15 years": lambda: surveillance.shrunken_trend(large, place="place", **COLUMNS),
        "held-out score of 2,850 places": lambda: surveillance.holdout_score(large, place="place", **COLUMNS),
        "forecasts of 100 places, 3 years, 10,000 draws": lambda: surveillance.forecast(small, by="place", horizon=3, **COLUMNS),
        "exceedance of 100,000 rows": lambda: surveillance.exceedance(
            rows, observed="cases", baseline="before", baseline_years=5, by="row"
        ),
        "Poisson-gamma rates of 2,850 places": lambda: surveillance.poisson_gamma(places, **size),
        "ranks of 2,850 places, 10,000 draws": lambda: surveillance.ranks(places, **size),
        "funnel of 2,850 places": lambda: surveillance.funnel(
            places, numerator="cases", denominator="people", by="place", kind="rate"
        ),
    }
    found = []
    for name, task in tasks.items():
        seconds = []
        for _run in range(5):
            start = time.perf_counter()
            task()
            seconds.append(time.perf_counter() - start)
        found.append((name, statistics.median(seconds)))
    return pd.DataFrame(found, columns=["task", "median of 5, s"]).round(3)


def main() -> None:
    wanted = sys.argv[1:] or ["speed", "coverage", "worth"]
    tables: dict[str, pd.DataFrame] = {}
    if "speed" in wanted:
        tables["Speed, one core"] = speed()
    if "coverage" in wanted:
        tables["Coverage of 95 % limits: shrunken trends"] = coverage_of_shrunken_trends()
        tables["Coverage of 95 % limits: forecasts"] = coverage_of_forecasts()
    if "worth" in wanted:
        tables |= {f"Log score of held-out years: {name}": table for name, table in worth().items()}
    for name, table in tables.items():
        print(f"\n{name}\n{table.to_string(index=False)}")


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
