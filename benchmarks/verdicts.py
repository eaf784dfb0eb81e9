"""How often the stated interval of a place holds its true trend, and how often a verdict sees a change where there is none.

500 synthetic cities of eight districts (what `ohstats synth` makes) are drawn anew, each with a seed of its own, and put into one
data set of 4,000 places. Their yearly counts go through cleaning, Counts and protection. The latest windows of all places are
then fitted in one call; every 41st place goes through `occurrence.trends`, as a report does, and has to give the same.

Run from the root of the project: `OPENBLAS_NUM_THREADS=1 python benchmarks/verdicts.py` (about two minutes on one core). Writes
benchmarks/verdicts.json and the table in docs/statistics.md.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ohstats import clean, counts, data, dataset, disclosure, measured, occurrence, paths, periods, reference, slices, trend
from ohstats.synthetic import aggregates, plan

HERE = Path(__file__).resolve().parent
PAGE, RESULTS = HERE.parent / "docs" / "statistics.md", HERE / "verdicts.json"
CITIES, DISTRICTS, FIRST_SEED, FIRST_CODE = 500, 8, 40_000, 900_001


def write(cities: list[plan.City], folder: Path) -> dict[str, plan.District]:
    """The aggregated new cases of all cities as one data set; the true district of each place."""
    parts, truth = {name: [] for name in ("places", "breaks", "case_counts")}, {}
    for number, city in enumerate(cities):
        tables = aggregates.make(city)
        codes = {each.code: str(FIRST_CODE + number * DISTRICTS + each.number) for each in city.districts}
        truth |= {codes[each.code]: each for each in city.districts}
        for name, column in (("places", "code"), ("breaks", "place"), ("case_counts", "place")):
            rows = tables[name]
            parts[name].append(rows.assign(**{column: rows[column].map(codes)}).dropna(subset=[column]))
    parts["places"].append(tables["places"].head(1))  # the city itself: through it they lie in China, whose breaks hold for them
    for name, frames in parts.items():
        pd.concat(frames).to_csv(folder / f"{name}.csv", index=False)
    told = yaml.safe_load(aggregates.description(cities[0], "benchmarks/verdicts.py"))
    cover = next(cover for cover in told["covers"] if cover["table"] == "case_counts")
    told["covers"] = [cover | {"places": "all"}]
    (folder / "dataset.yml").write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    return truth


def latest(protected: pd.DataFrame, breaks: pd.DataFrame) -> pd.DataFrame:
    """Verdict and interval of the latest unbroken window of each place, all fitted at once; no row where none is fitted."""
    cuts = breaks.loc[breaks["kind"] == "break"].assign(year=lambda rows: rows["first_period_after"].astype(int))
    cuts = cuts[cuts["year"] <= int(protected["period"].str[:4].max())]
    common = cuts.loc[cuts["scope"] == "below", "year"].max()
    own = cuts[cuts["scope"] == "place"].groupby("place")["year"].max()
    rows = protected[(protected["measure"] == "new_cases") & protected["period"].str.fullmatch(r"\d{4}")]
    rows = rows.assign(year=rows["period"].astype(int), first=rows["place"].map(own).fillna(0).clip(lower=common))
    rows = rows[(rows["year"] >= rows["first"]) & ~rows["provisional"]]
    hidden = set(rows.loc[rows["hidden"], "place"])
    points = rows[rows["numerator"].notna() & ~rows["place"].isin(hidden)]
    fitted = trend.percent_change(points, count="numerator", year="year", by=["place"])
    return trend.verdict(fitted, min_points=occurrence.MIN_POINTS).set_index("place")[["verdict", "lower", "upper"]]


def by_report(parts: slices.Slices, chosen: dataset.Dataset, folder: Path, code: str, edition: str) -> list[object]:
    """The same for one place, as its report says it."""
    told = slices.unpack(parts.shared, parts.of(code), folder)
    shared = ("dataset", "place", "counts", "statistics", "lists", "context", "indicators", "targets", "breaks", "unsettled")
    shared = (*shared, "design", "declared", "beside")
    span = {"period": periods.parse(chosen.span.last_year), "first_year": chosen.span.first_year}
    opened = data.Data(
        **{name: getattr(told, name) for name in shared},
        **span,
        edition=edition,
        language="en",
        assessment="annual",
        facts={},
        below=(),
        outlines={},
    )
    found = occurrence.trends(opened)
    last = found.iloc[-1] if len(found) else pd.Series({"verdict": "", "lower": np.nan, "upper": np.nan})
    return [last["verdict"], last["lower"], last["upper"]] if pd.notna(last["lower"]) else ["", np.nan, np.nan]


def draw(cities: int) -> pd.DataFrame:
    """The stated trend of each place beside the true one."""
    made = [plan.city(seed, DISTRICTS) for seed in range(FIRST_SEED, FIRST_SEED + cities)]
    years, rows = made[0].years, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = write(made, folder)
        chosen = dataset.load(folder)
        cleaned = clean.clean_dataset(chosen)
        exact = counts.make(cleaned, chosen, reference.table("indicators", folder, key="indicator_id"))
        breaks = reference.table("breaks", folder)
        for edition in ("internal", "public"):
            protected = disclosure.protect(exact, chosen, edition, disclosure.read_register(paths.Workspace.at(folder)))
            found = latest(protected.counts, breaks).reindex(list(truth))
            for code, (verdict, lower, upper) in zip(found.index, found.to_numpy().tolist(), strict=True):
                district = truth[code]
                rows.append(
                    {
                        "edition": edition,
                        "mean": float(district.expected(years, years[0]).mean()),
                        "spread": district.spread,
                        "true": district.change,
                        "verdict": verdict,
                        "shown": bool(pd.notna(lower)),
                        "held": bool(lower <= district.change <= upper),
                    }
                )
            facts = {**protected.facts, "unsettled": []}
            parts = slices.Slices(protected.counts, chosen, facts, measured.make(cleaned, chosen), {})
            for code in list(truth)[:: 41 if cities > 10 else 5]:  # 41 meets each of the eight districts in turn
                mine = found.loc[code].tolist() if pd.notna(found.loc[code, "lower"]) else ["", np.nan, np.nan]
                pd.testing.assert_series_equal(pd.Series(by_report(parts, chosen, folder, code, edition)), pd.Series(mine))
    return pd.DataFrame(rows)


GROUPS = {
    "all places": lambda rows: rows["mean"] >= 0,
    "below 10 cases a year": lambda rows: rows["mean"] < 10,
    "10 to 50": lambda rows: rows["mean"].between(10, 50, inclusive="left"),
    "50 or more": lambda rows: rows["mean"] >= 50,
    "Poisson counts": lambda rows: rows["spread"] <= 1,
    "more variation than Poisson": lambda rows: rows["spread"] > 1,
    "without change": lambda rows: rows["true"] == 0,
}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage and verdicts by edition and kind of place; percent of the places that show an interval."""
    made = []
    for edition, mine in rows.groupby("edition"):
        for name, wanted in GROUPS.items():
            group = mine[wanted(mine)]
            shown = group[group["shown"]]
            n = len(shown)
            coverage = 100 * shown["held"].mean() if n else np.nan
            falling, rising = shown["verdict"] == "falling", shown["verdict"] == "rising"
            wrong = (falling & (shown["true"] >= 0)) | (rising & (shown["true"] <= 0))
            made.append(
                {
                    "edition": edition,
                    "places": name,
                    "number": len(group),
                    "with interval": n,
                    "true trend inside, %": coverage,
                    "± (simulation)": 196 * np.sqrt(coverage / 100 * (1 - coverage / 100) / n) if n else np.nan,
                    "falling, %": 100 * falling.mean(),
                    "rising, %": 100 * rising.mean(),
                    "cannot tell, %": 100 * (shown["verdict"] == "cannot tell").mean(),
                    "wrong direction, %": 100 * wrong.mean(),
                    "wrong, % of all": 100 * wrong.sum() / len(group),
                }
            )
    return pd.DataFrame(made)


def markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table."""

    def cell(value: object) -> str:
        return ("–" if np.isnan(value) else f"{value:.1f}") if isinstance(value, float) else str(value)

    lines = [list(table.columns), ["---"] * len(table.columns), *table.map(cell).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(cities: int = CITIES) -> None:
    """Draw the cities and write what came out."""
    began = time.monotonic()
    table = summary(draw(cities))
    told = {"cities": cities, "districts": DISTRICTS, "first_seed": FIRST_SEED, "seconds": round(time.monotonic() - began)}
    rounded = json.loads(table.round(2).to_json(orient="records"))
    RESULTS.write_text(json.dumps({**told, "rows": rounded}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    text = f"{cities} cities of {DISTRICTS} districts, seeds {FIRST_SEED} to {FIRST_SEED + cities - 1}.\n\n{markdown(table)}"
    page = PAGE.read_text(encoding="utf-8")
    page = re.sub(
        r"(<!-- verdicts -->\n).*(<!-- end verdicts -->)",
        lambda match: f"{match[1]}\n{text}\n\n{match[2]}",
        page,
        flags=re.DOTALL,
    )
    PAGE.write_text(page, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
