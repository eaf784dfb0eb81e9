"""Indicators of all districts in one pass: 60 indicators x 2,850 districts x 5 years from Counts, beside half of the districts.

Writes benchmarks/indicators.json; `python benchmarks/document.py` makes the page. Each run is a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ohstats import counts, indicators, reference

HERE = Path(__file__).resolve().parent
DISTRICTS, INDICATORS, YEARS = 2850, 60, 5
SECONDS = 60.0


def made(districts: int) -> pd.DataFrame:
    """Counts of as many districts, with hidden figures, empty denominators and missing ones among them."""
    draw = np.random.default_rng(7)
    declared = reference.table("indicators")
    names = declared.loc[
        declared["measure"].isin(["proportion", "ratio", "count"]) & (declared["cases_of"] == ""), "indicator_id"
    ]
    places = [f"{900_001 + number}" for number in range(districts)]
    index = pd.MultiIndex.from_product([names.head(INDICATORS), places, [str(2021 + year) for year in range(YEARS)]])
    rows = index.to_frame(index=False, name=["measure", "place", "period"])
    d = draw.integers(0, 3000, len(rows)).astype(float)
    n = np.floor(d * draw.beta(8, 1, len(rows)))
    hidden = draw.random(len(rows)) < 0.05
    rows = rows.assign(numerator=n, denominator=d, hidden=hidden, group="", key="", year_basis="", source="", note="")
    rows.loc[rows["hidden"], ["numerator", "denominator"]] = np.nan
    return rows.reindex(columns=counts.COLUMNS, fill_value="").astype({"hidden": bool})


def measured(districts: int) -> dict[str, float]:
    """Seconds and memory of one pass."""
    frame, declared = made(districts), reference.table("indicators")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = indicators.table(frame, declared)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if len(found) != len(frame):
        raise SystemExit(f"{len(found)} rows of {len(frame)}")
    return {"rows": len(found), "seconds": seconds, "counts_mb": before / 1024, "peak_mb": after / 1024}


def main() -> None:
    """Measure each size three times in processes of their own and write the medians."""
    sizes, rows, told = [DISTRICTS // 4, DISTRICTS // 2, DISTRICTS], [], []
    for size in sizes:
        runs = [
            json.loads(subprocess.run([sys.executable, __file__, f"{size}"], check=True, capture_output=True).stdout)
            for _run in range(3)
        ]
        told.append({name: float(np.median([run[name] for run in runs])) for name in runs[0]})
    for size, each in zip(sizes, told, strict=True):
        more = each["peak_mb"] - each["counts_mb"]
        rows.append([f"{size:,}", f"{each['rows']:,.0f}", f"{each['seconds']:.1f}", f"{each['counts_mb']:,.0f}", f"{more:,.0f}"])
    last, half = told[-1], told[-2]
    per_row = [(each["peak_mb"] - each["counts_mb"]) / each["rows"] for each in (last, half)]
    linear = per_row[0] / per_row[1]
    text = (
        f"{INDICATORS} indicators over {YEARS} years, from Counts with hidden and missing figures to Estimates with limits, "
        "all places in one call (`indicators.table`, which the reports use too). Medians of three runs."
    )
    page = {
        "machine": "2 cores",
        "date": datetime.now(UTC).date().isoformat(),
        "tables": [
            {
                "title": "Indicators of all districts", "text": text,
                "columns": ["districts", "rows", "seconds", "memory with the Counts, MB", "more at the peak, MB"], "rows": rows,
                "reached": {
                    f"at most {SECONDS:.0f} s: {last['seconds']:.1f} s": last["seconds"] <= SECONDS,
                    f"memory per row, whole over half: {linear:.2f} (linear: 1)": linear <= 1.15,
                },
            }
        ],
    }  # fmt: skip
    (HERE / "indicators.json").write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(page["tables"][0]["reached"], indent=1))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(int(sys.argv[1]))))
    else:
        main()
