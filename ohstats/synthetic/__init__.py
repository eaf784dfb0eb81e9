"""A synthetic data set with known truth: an invented city, its aggregates and its records, made from a seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import files
from ..errors import ParameterRefused
from . import aggregates, dirt, export, forms, records, truth
from .plan import city

if TYPE_CHECKING:
    from .plan import City

__all__ = ["DISTRICTS", "SEED", "make"]

SEED = 20251231
"""Seed of the committed example."""
DISTRICTS = 8
_MOST_DIRT = 0.3


def make(
    folder: str | Path, *, seed: int = SEED, districts: int = DISTRICTS, dirt_rate: float = 0.0, small: bool = False
) -> Path:
    """Write a synthetic data set into `folder`; the same options give the same bytes.

    Not a copy of any real district: names, codes, persons and employers are invented, the codes belong to no real place.

    Parameters
    ----------
    folder : str or Path
        Made when it is missing; files of the same names are replaced.
    seed : int
        Seed of all figures.
    districts : int
        Number of districts, 1 to 500: first the eight of the plan, then drawn ones. A district keeps its aggregated figures
        whatever the number.
    dirt_rate : float
        Share of the rows of records, 0 to 0.3, that carry one of the patterns of dirty exports; above 0 the files also have
        the encodings, title lines and headings of real exports. Aggregated tables stay clean.
    small : bool
        Fewer years of records, and registers of the smaller districts only: the committed example.

    Returns
    -------
    Path
        The folder: `dataset.yml`, the aggregated tables, the records and `truth.json` (trends, counts, shares, flows,
        indicators, rows after cleaning, what was planted where).

    Raises
    ------
    ParameterRefused
        The number of districts or the rate of dirt lies outside its range.
    """
    if not 0 <= dirt_rate <= _MOST_DIRT:
        raise ParameterRefused("A rate of dirt of {rate} is not possible; give 0 to {most}.", rate=dirt_rate, most=_MOST_DIRT)
    out, whole = Path(folder), city(seed, districts, small=small)
    aggregated = aggregates.make(whole)
    for name, frame in aggregated.items():
        files.write_text(frame.to_csv(index=False, lineterminator="\n"), out / f"{name}.csv")
    made = records.make(whole, aggregated)
    told = truth.of(whole, made, aggregated) | {"dirt_rate": dirt_rate} | _write(whole, made, out, dirt_rate)
    files.write_text(_as_json(told), out / "truth.json")
    command = f"ohstats synth --seed {seed} --districts {districts}" + (f" --dirt {dirt_rate:g}" if dirt_rate else "")
    files.write_text(aggregates.description(whole, command + " --small" * small), out / "dataset.yml")
    return out


def _write(whole: City, made: records.Records, out: Path, rate: float) -> dict[str, Any]:
    """Write the files of records; returns how many rows each has and keeps, and what was planted."""
    told: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    planted: list[list[Any]] = []
    shown: dict[str, list[str]] = {}
    audit: dict[str, Any] = {}
    for name, table in made.tables.items():
        if not table.columns:  # no district keeps it
            continue
        texts = export.texts(table, name)
        dirty = dirt.plant(whole, name, texts, rate)
        if name == "disease_cards":
            told["cases_after_cleaning"] = truth.after_cleaning(table, dirty.lost, dirty.twice)
        columns, plain = list(texts.columns), not rate
        files.write_bytes(forms.write(whole, name, columns, dirty.rows, plain=plain), out / f"{name}.csv")
        first = len(forms.above(whole, name, plain=plain)) + 2
        planted += [[pattern, f"{name}.csv", first + at, *more] for pattern, at, *more in dirty.planted]
        shown |= {f"{name}.csv": patterns} if (patterns := forms.patterns(name, plain=plain)) else {}
        blank = sum(not any(row) for row in dirty.rows)
        audit |= {f"{name}.csv": dirty.audit} if dirty.audit else {}
        reasons = [reason for *_where, outcome, reason in dirty.planted if outcome == "Q"]
        quarantined = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
        rows = len(dirty.rows) - blank
        tables[f"{name}.csv"] = {"rows": rows, "clean": rows - len(reasons), "quarantined": quarantined, "blank": blank}
    return told | {"tables": tables, "files": shown, "audit": audit, "dirt": planted}


def _as_json(told: dict[str, Any]) -> str:
    """One line for each part of a part: small, and a change shows where it is."""
    parts = []
    for name, value in told.items():
        inner = value.items() if isinstance(value, dict) else None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if inner:
            listed = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(each, ensure_ascii=False, separators=(',', ':'))}" for key, each in inner
            )
            text = f"{{\n{listed}\n }}"
        parts.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
