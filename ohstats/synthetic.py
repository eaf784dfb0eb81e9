"""A synthetic data set with known truth: an invented city with eight invented districts, made from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from . import files, reference
from .paths import REFERENCE

if TYPE_CHECKING:
    from numpy.random import Generator

SEED = 20251231
_TARGETS_OF = "410122"  # the county whose nine targets one invented county inherits


def make(folder: str | Path, *, seed: int = SEED) -> Path:
    """Write the synthetic data set into `folder`; the same seed gives the same bytes.

    Parameters
    ----------
    folder : str or Path
        Made when it is missing; files of the same names are replaced.
    seed : int
        Seed of all figures.

    Returns
    -------
    Path
        The folder.
    """
    plan = yaml.safe_load((REFERENCE / "synthetic.yml").read_text(encoding="utf-8"))
    draw = np.random.Generator(np.random.PCG64(seed))
    out = Path(folder)
    tables = {
        "places.csv": _places(plan),
        "breaks.csv": _breaks(plan),
        "case_counts.csv": _case_counts(plan, draw),
        "indicator_values.csv": _indicator_values(plan, draw),
        "targets.csv": _targets(plan),
    }
    for name, frame in tables.items():
        files.write_text(frame.to_csv(index=False, lineterminator="\n"), out / name)
    files.write_text(_description(plan, seed), out / "dataset.yml")
    return out


def expected_cases(district: dict[str, Any], years: np.ndarray) -> np.ndarray:
    """True mean of the cases of a district by year."""
    mean = district["cases"] * (1 + district["change"] / 100) ** (years - years[0])
    if "break" in district:
        mean = np.where(years >= district["break"]["year"], mean * district["break"]["factor"], mean)
    return np.asarray(mean, dtype=float)


def _years(span: list[int]) -> np.ndarray:
    return np.arange(span[0], span[1] + 1)


def _places(plan: dict[str, Any]) -> pd.DataFrame:
    city = plan["city"]
    rows = [{**city, "level": "city"}]
    rows += [{**district, "level": "county", "parent": city["code"]} for district in plan["districts"]]
    return pd.DataFrame(rows)[["code", "name_zh", "name_en", "level", "parent"]]


def _breaks(plan: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "place": district["code"],
            "series": "new_cases",
            "first_period_after": district["break"]["year"],
            "last_period": "",
            "kind": "break",
            "scope": "place",
            "text_zh": plan["break_text_zh"],
            "text_en": plan["break_text_en"],
            "source": plan["synthetic_source"],
        }
        for district in plan["districts"]
        if "break" in district
    ]
    return pd.DataFrame(rows)


def _case_counts(plan: dict[str, Any], draw: Generator) -> pd.DataFrame:
    years = _years(plan["years"])
    rows = []
    for district in plan["districts"]:
        mean = expected_cases(district, years)
        if district["spread"] > 1:  # negative binomial with variance = mean x spread
            cases = draw.negative_binomial(mean / (district["spread"] - 1), 1 / district["spread"])
        else:
            cases = draw.poisson(mean)
        for year, n in zip(years, cases, strict=True):
            gap = year in district.get("gaps", ())
            rows.append(
                {
                    "place": district["code"],
                    "period": year,
                    "year_basis": "diagnosis",
                    "key": "total",
                    "group": "",
                    "n": "" if gap else n,
                    "provisional": "yes" if year in plan["provisional"] else "",
                    "provenance": "missing" if gap else "page",
                    "source": plan["synthetic_source"],
                    "note": "",
                }
            )
    return pd.DataFrame(rows)


def _indicator_values(plan: dict[str, Any], draw: Generator) -> pd.DataFrame:
    rows = []
    for entry in plan["indicators"]:
        years = _years(plan["effort_years"] if "count" in entry else plan["indicator_years"])
        for number, district in enumerate(plan["districts"]):
            if district["code"] in entry.get("without", ()):
                continue
            part = number / (len(plan["districts"]) - 1)
            for year in years:
                n, d = _figure(entry, part, year - years[0], len(years) - 1, district.get("effort", 0.0), draw)
                if district["code"] in entry.get("empty", ()):
                    n, d = 0, 0
                rows.append(
                    {
                        "indicator_id": entry["id"],
                        "place": district["code"],
                        "period": year,
                        "group": "",
                        "numerator": n,
                        "denominator": d,
                        "source": plan["synthetic_source"],
                        "data_date": plan["data_date"],
                        "note": "",
                    }
                )
    return pd.DataFrame(rows)


def _figure(entry: dict[str, Any], part: float, step: int, steps: int, effort: float, draw: Generator) -> tuple[int, int | str]:
    """Numerator and denominator; sizes fall evenly on a log scale from the first district to the last."""
    first, last = entry["count"] if "count" in entry else entry["size"]
    size = first ** (1 - part) * last**part
    if "count" in entry:
        mean = size * (1 + (entry["change"] + effort) / 100) ** step
        return int(draw.poisson(mean)) if entry.get("random") else round(mean), ""
    low, high = entry["share"]
    share = low + (high - low) * step / steps + draw.normal(0, 2.0)
    denominator = max(1, round(size * (1 + 0.02 * step)))
    return int(draw.binomial(denominator, min(max(share, 0.0), 100.0) / 100)), denominator


def _targets(plan: dict[str, Any]) -> pd.DataFrame:
    rows = reference.table("targets")
    made = []
    for district in plan["districts"]:
        if district.get("inherits"):
            own = rows[rows["jurisdiction_code"] == _TARGETS_OF].assign(
                jurisdiction_code=district["code"],
                jurisdiction_zh=district["name_zh"],
                jurisdiction_en=district["name_en"],
                note="synthetic: an invented county that inherits these values",
            )
            made.append(own)
    return pd.concat(made, ignore_index=True)


def _description(plan: dict[str, Any], seed: int) -> str:
    codes = [district["code"] for district in plan["districts"]]
    told = {
        **{key: plan[key] for key in ("id", "title_zh", "title_en", "publisher_zh", "publisher_en")},
        "data_date": str(plan["data_date"]),
        "synthetic": True,
        "covers": [
            {
                "table": "case_counts",
                "places": codes,
                "periods": f"{plan['years'][0]}..{plan['years'][1]}",
                "year_basis": "diagnosis",
                "keys": ["total"],
            }
        ],
    }
    return f"# Synthetic data, made by `ohstats synth --seed {seed}`. No real place, person or employer.\n" + str(
        yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=120)
    )
