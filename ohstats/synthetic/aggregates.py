"""What most counties hold: places, breaks, yearly counts of cases and numerators with denominators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from .. import reference
from .plan import span

if TYPE_CHECKING:
    from numpy.random import Generator

    from .plan import City, District

_TARGETS_OF = "410122"  # the county whose nine targets one invented county inherits


def make(city: City) -> dict[str, pd.DataFrame]:
    """The aggregated tables by name."""
    draw = np.random.Generator(np.random.PCG64(city.seed))  # one stream, cases first: the committed figures come from it
    return {
        "places": _places(city),
        "breaks": _breaks(city),
        "case_counts": _case_counts(city, draw),
        "indicator_values": _indicator_values(city, draw),
        "targets": _targets(city),
    }


def _places(city: City) -> pd.DataFrame:
    whole = city.plan["city"]
    rows = [{**whole, "level": "city"}]
    for each in city.districts:
        told = {"code": each.code, "name_zh": each.name_zh, "name_en": each.name_en}
        rows.append({**told, "level": "county", "parent": whole["code"]})
    return pd.DataFrame(rows)[["code", "name_zh", "name_en", "level", "parent"]]


def _breaks(city: City) -> pd.DataFrame:
    columns = ["place", "series", "first_period_after", "last_period", "kind", "scope", "text_zh", "text_en", "source"]
    texts = [city.plan["break_text_zh"], city.plan["break_text_en"], city.plan["synthetic_source"]]
    rows = [[each.code, "new_cases", each.break_year, "", "break", "place", *texts] for each in city.districts if each.break_year]
    return pd.DataFrame(rows, columns=columns)


def _case_counts(city: City, draw: Generator) -> pd.DataFrame:
    rows = []
    for each in city.everyone:
        own = draw if each.number < len(city.known) else city.draw(1, each.number)
        mean = each.expected(city.years, city.years[0])
        if each.spread > 1:  # negative binomial with variance = mean x spread
            cases = own.negative_binomial(mean / (each.spread - 1), 1 / each.spread) if each.cases else np.zeros(len(mean), int)
        else:
            cases = own.poisson(mean)
        if each.number >= len(city.districts):
            continue
        for year, n in zip(city.years, cases, strict=True):
            gap = year in each.gaps
            rows.append(
                {
                    "place": each.code,
                    "period": year,
                    "year_basis": "diagnosis",
                    "key": "total",
                    "group": "",
                    "n": "" if gap else n,
                    "provisional": "yes" if year in city.plan["provisional"] else "",
                    "provenance": "missing" if gap else "page",
                    "source": city.plan["synthetic_source"],
                    "note": "",
                }
            )
    return pd.DataFrame(rows)


def _indicator_values(city: City, draw: Generator) -> pd.DataFrame:
    rows = []
    for number, entry in enumerate(city.plan["indicators"]):
        years = span(city.plan["effort_years"] if "count" in entry else city.plan["indicator_years"])
        for each in city.everyone:
            own = draw if each.number < len(city.known) else city.draw(2, each.number, number)
            if _without(entry, each, own, len(city.known)):
                continue
            for year in years:
                n, d = _figure(entry, each.size, year - years[0], len(years) - 1, each.effort, own)
                if each.code in entry.get("empty", ()):
                    n, d = 0, 0
                if each.number >= len(city.districts):
                    continue
                rows.append(
                    {
                        "indicator_id": entry["id"],
                        "place": each.code,
                        "period": year,
                        "group": "",
                        "numerator": n,
                        "denominator": d,
                        "source": city.plan["synthetic_source"],
                        "data_date": city.plan["data_date"],
                        "note": "",
                    }
                )
    return pd.DataFrame(rows)


def _without(entry: dict[str, Any], district: District, draw: Generator, named: int) -> bool:
    """Whether a district has no figure: as the plan says, by chance for drawn districts."""
    if district.number < named:
        return district.code in entry.get("without", ())
    return "share" in entry and bool(draw.random() < 0.04)


def _figure(entry: dict[str, Any], part: float, step: int, steps: int, effort: float, draw: Generator) -> tuple[int, int | str]:
    """Numerator and denominator; sizes fall evenly on a log scale from the largest district to the smallest."""
    first, last = entry["count"] if "count" in entry else entry["size"]
    size = first ** (1 - part) * last**part
    if "count" in entry:
        mean = size * (1 + (entry["change"] + effort) / 100) ** step
        return int(draw.poisson(mean)) if entry.get("random") else round(mean), ""
    low, high = entry["share"]
    share = low + (high - low) * step / steps + draw.normal(0, 2.0)
    denominator = max(1, round(size * (1 + 0.02 * step)))
    return int(draw.binomial(denominator, min(max(share, 0.0), 100.0) / 100)), denominator


def _targets(city: City) -> pd.DataFrame:
    rows = reference.table("targets")
    made = [rows.head(0)]
    for each in city.districts:
        if each.inherits:
            own = rows[rows["jurisdiction_code"] == _TARGETS_OF].assign(
                jurisdiction_code=each.code,
                jurisdiction_zh=each.name_zh,
                jurisdiction_en=each.name_en,
                note="synthetic: an invented county that inherits these values",
            )
            made.append(own)
    return pd.concat(made, ignore_index=True)


def description(city: City, command: str) -> str:
    """Text of `dataset.yml`: what it is, which tables cover which places and years."""
    n = len(city.districts)
    titles = ("title_zh", "title_en") if n == len(city.known) else ("title_n_zh", "title_n_en")
    told = {
        "id": city.plan["id"],
        **{key: city.plan[source].format(n=n) for key, source in zip(("title_zh", "title_en"), titles, strict=True)},
        **{key: city.plan[key] for key in ("publisher_zh", "publisher_en")},
        "data_date": str(city.plan["data_date"]),
        "synthetic": True,
        "covers": [
            {
                "table": "case_counts",
                "places": [each.code for each in city.districts],
                "periods": f"{city.years[0]}..{city.years[-1]}",
                "year_basis": "diagnosis",
                "keys": ["total"],
            },
            *_covers(city),
        ],
    }
    return f"# Synthetic data, made by `{command}`. No real place, person or employer.\n" + str(
        yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=120)
    )


def _covers(city: City) -> list[dict[str, Any]]:
    """Coverage of the records: no cards in a declared gap, registers of those districts that keep them."""
    everyone, registered = ([each.code for each in those] for those in (city.districts, city.registered))
    cards, registers = (_period(years) for years in (city.card_years, city.register_years))
    whole = [each.code for each in city.districts if not set(each.gaps) & set(city.card_years.tolist())]
    made = [{"table": "disease_cards", "places": whole, "periods": cards}] if whole else []
    for each in city.districts:
        if each.code not in whole:
            years = np.array([year for year in city.card_years.tolist() if year not in each.gaps])
            parts = np.split(years, np.flatnonzero(np.diff(years) > 1) + 1)
            made += [{"table": "disease_cards", "places": [each.code], "periods": _period(part)} for part in parts]
    first = max(int(city.card_years[0]), int(city.plan["effort_years"][0]))
    made.append({"table": "suspected_cards", "places": everyone, "periods": _period(city.years[city.years >= first])})
    made.append({"table": "follow_up", "places": everyone, "periods": _period(city.follow_up_years)})
    made.append({"table": "institutions", "places": everyone, "periods": registers})
    names = [
        "exam_cards",
        "employers",
        "workplace_samples",
        "radiation_dose",
        "radiation_medical",
        "inspections",
        "sme_assistance",
    ]
    return made + [{"table": name, "places": registered, "periods": registers} for name in names if registered]


def _period(years: np.ndarray) -> str:
    return f"{years[0]}..{years[-1]}" if len(years) > 1 else str(years[0])
