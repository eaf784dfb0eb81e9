"""Protection: how much of a small place's table stays readable, and how long the step takes.

Run from the root of the project on one core: `OPENBLAS_NUM_THREADS=1 python benchmarks/disclosure.py [utility] [time]`.
Writes Markdown tables into docs/disclosure*.md; all figures are simulated from a fixed seed.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from ohstats import counts, disclosure
from ohstats.dataset import Dataset
from ohstats.disclosure.programme import Programme

SEED = 20251231
YEARS = [str(year) for year in range(2016, 2026)]
SPAN = f"{YEARS[0]}..{YEARS[-1]}"
THREE = {"pneumoconiosis": 0.62, "noise_deafness": 0.24, "other": 0.14}  # as in the national bulletins of the last years
TEN = {"pneumoconiosis": 0.62, "noise_deafness": 0.20, "chemical_poisoning": 0.06, "skin": 0.02, "eye": 0.01, "physical": 0.01,
       "radiation": 0.01, "infectious": 0.03, "tumour": 0.03, "other": 0.01}  # fmt: skip
NOTHING = pd.DataFrame(columns=["dataset", *counts.KEYS, "numerator", "denominator"], dtype="str")
Cell = tuple[int, int]


def dataset(folder, places):
    frame = pd.DataFrame(places, columns=["code", "name_zh", "name_en", "level", "parent"])
    words = {"zh": "", "en": ""}
    return Dataset(Path(folder), "simulated", words, words, "", None, True, frame)


def rows(code, table, keys, span=True):
    """Counts of one place: year by category with all margins."""
    whole = np.column_stack([table, table.sum(axis=1)])
    for year, line in zip(YEARS, whole, strict=True):
        yield from ((code, year, key, n) for key, n in zip([*keys, "total"], line, strict=True))
    if span:
        yield from ((code, SPAN, key, n) for key, n in zip([*keys, "total"], whole.sum(axis=0), strict=True))


def frame(lines):
    made = pd.DataFrame(lines, columns=["place", "period", "key", "numerator"]).astype({"numerator": float})
    same = {
        "measure": counts.NEW_CASES,
        "year_basis": "report",
        "group": "",
        "denominator": np.nan,
        "hidden": False,
        "counts": "case",
    }
    same |= {"basis": "census", "provisional": False, "provenance": "page", "source": "", "note": "", "high": np.nan}
    return made.assign(**same)[[*counts.COLUMNS, "high"]]


def margins(table):
    """A table with its margins, and the programme over its sums."""
    whole = np.pad(table, ((0, 1), (0, 1))).astype(float)
    whole[-1, :-1], whole[:-1, -1], whole[-1, -1] = table.sum(axis=0), table.sum(axis=1), table.sum()
    n, m = whole.shape
    lines = [[(row, column) for column in range(m)] for row in range(n)] + [
        [(row, column) for row in range(n)] for column in range(m)
    ]
    matrix = sparse.lil_array((len(lines), n * m))
    for line, cells in enumerate(lines):
        for row, column in cells:
            matrix[line, row * m + column] = -1 if (row == n - 1 and line >= n) or (column == m - 1 and line < n) else 1
    return whole, Programme(matrix.tocsc(), whole.ravel(), np.minimum(whole.ravel(), 1), np.full(n * m, np.inf))


def greedy(table):
    """Cell by cell: small counts, then for each unsafe one the rectangle that hides the fewest further cases; no pools."""
    whole, programme = margins(table)
    n, m = whole.shape
    hidden = (whole > 0) & (whole < 5)
    small = list(zip(*np.nonzero(hidden), strict=True))
    while (cell := next((each for each in small if not safe(programme, hidden, each, whole)), None)) is not None:
        row, column = cell
        corners = [
            [(row, other), (line, column), (line, other)]
            for line, other in product(range(n), range(m))
            if line != row and other != column and min(whole[row, other], whole[line, column], whole[line, other]) > 0
        ]
        new = [[corner for corner in three if not hidden[corner]] for three in corners]
        new = [three for three in new if three]
        if not new:
            new = [list(zip(*np.nonzero((whole > 0) & ~hidden), strict=True))[:1]]
        if not new[0]:
            break
        for corner in min(new, key=lambda three: sum(whole[corner] for corner in three)):
            hidden[corner] = True
    return hidden


def safe(programme, hidden, cell, whole):
    at, free = int(np.ravel_multi_index(cell, whole.shape)), np.flatnonzero(hidden.ravel())
    none = np.zeros(len(free))
    needs = [amount for amount in (4 - int(whole[cell]), 1 - int(whole[cell])) if amount]
    return all(programme.move(at, amount, free, none) is not None for amount in needs)


def utility(places=200):
    heads = [
        "mean cases a year",
        *(f"{who}: {what}" for who in ("cell by cell", "protect") for what in ("cells", "cells or margins")),
    ]
    print("| " + " | ".join(heads) + " |")
    print("|---|---|---|---|---|")
    for mean in (4, 20, 100):
        draw = np.random.default_rng([SEED, mean])
        tables = {
            str(900001 + place): draw.poisson(mean * np.array(list(THREE.values())), (len(YEARS), 3)) for place in range(places)
        }
        base = [greedy(table) for table in tables.values()]
        shown = [np.where(hidden[:-1, :-1], 0, table) for hidden, table in zip(base, tables.values(), strict=True)]
        lost = [
            np.where(hidden[:-1, :-1] & hidden[-1:, :-1], table, 0) for hidden, table in zip(base, tables.values(), strict=True)
        ]
        with tempfile.TemporaryDirectory() as folder:
            chosen = dataset(folder, [(code, "", "", "county", "") for code in tables])
            lines = [line for code, table in tables.items() for line in rows(code, table, THREE)]
            made = disclosure.protect(frame(lines), chosen, "public", NOTHING)
        seen, margins = ours(made.counts, tables)
        cases = sum(table.sum() for table in tables.values())
        cells = [np.sum(shown) / cases, 1 - np.sum(lost) / cases, seen / cases, margins / cases]
        print(f"| {mean} | " + " | ".join(f"{100 * cell:.1f}%" for cell in cells) + " |", flush=True)


def ours(made, tables):
    """Cases in shown cells (a year or block of one category, or of two merged ones), and with the sums over all years."""
    there = made[made["numerator"].notna()]
    known = set(zip(there["place"], there["period"], there["key"], strict=True))
    names = {
        "pneumoconiosis": ("all_but_noise",),
        "noise_deafness": ("all_but_dust",),
        "other": ("all_but_dust", "all_but_noise"),
    }
    seen = margins = 0
    for code, table in tables.items():
        for (at, year), (column, key) in product(enumerate(YEARS), enumerate(THREE)):
            first = int(year) - (int(year) - 2001) % 5
            spans = (year, f"{first}..{first + 4}")
            cell = any((code, span, name) in known for span in spans for name in (key, *names[key]))
            seen += table[at, column] * cell
            margins += table[at, column] * (cell or (code, SPAN, key) in known)
    return seen, margins


def timing():
    print("\n| task | figures | seconds (one core) |\n|---|---|---|")
    draw = np.random.default_rng(SEED)
    table = draw.poisson(6, (10, 10))
    print(f"| one pass over a table of 11 × 11 with margins | 121 | {eleven(table):.2f} |", flush=True)
    for districts in (10, 100):
        sizes = np.clip(draw.lognormal(np.log(12), 1.1, districts), 0.5, 300)
        cases = draw.poisson(sizes[:, None, None] * np.array(list(TEN.values())), (districts, len(YEARS), len(TEN)))
        codes = [str(990101 + number) for number in range(districts)]
        lines = [line for code, each in zip(codes, cases, strict=True) for line in rows(code, each, TEN, span=False)]
        others = draw.poisson(2000 * np.array(list(TEN.values())), cases[0].shape)
        for code, each in (("990100", cases.sum(axis=0)), ("990000", cases.sum(axis=0) + others)):
            lines += rows(code, each, TEN, span=False)
        places = [("990000", "", "", "province", ""), ("990100", "", "", "city", "990000")]
        with tempfile.TemporaryDirectory() as folder:
            chosen = dataset(folder, places + [(code, "", "", "county", "990100") for code in codes])
            start = time.process_time()
            made = disclosure.protect(frame(lines), chosen, "public", NOTHING)
        took = time.process_time() - start
        print(
            f"| {districts} districts, city and province, 10 years, 10 categories | {len(made.counts)} | {took:.0f} |", flush=True
        )


def eleven(table):
    """Seconds for one look at every small count of a table that is hidden well already."""
    hidden, (whole, programme) = greedy(table), margins(table)
    start = time.process_time()
    for cell in zip(*np.nonzero((whole > 0) & (whole < 5)), strict=True):
        if not safe(programme, hidden, cell, whole):
            raise AssertionError(cell)
    return time.process_time() - start


def write(name, text):
    """Put the numbers of a table into the documents of both languages, whose headings and first column stay as they are."""
    rows = [line.strip("|").split("|")[1:] for line in text.strip().splitlines()[2:]]
    for path in sorted((Path(__file__).resolve().parent.parent / "docs").glob("disclosure*.md")):
        before, mark, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
        there, end, after = rest.partition("<!-- end -->")
        heads, old = there.splitlines()[:2], [line.strip("|").split("|")[0] for line in there.splitlines()[2:]]
        made = ["|" + "|".join([first, *cells]) + "|" for first, cells in zip(old, rows, strict=True)]
        path.write_text("\n".join([before + mark + heads[0], heads[1], *made, end + after]), encoding="utf-8")


if __name__ == "__main__":
    for name, measure in (("utility", utility), ("time", timing)):
        if name in (set(sys.argv[1:]) or {"utility", "time"}):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                measure()
            print(said.getvalue())
            write(name, said.getvalue())
