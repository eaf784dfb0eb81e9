"""Cleaning a large export: time as a multiple of raw polars (CSV to Parquet with transcoding), and memory, in one run.

Run with `python benchmarks/clean.py`; it writes clean.json, from which `benchmarks/document.py` makes docs/performance.md. Each
measurement is a process of its own, so that peak memory is its own. Needs about 3 GB of disk in the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohstats import codes, schema

COLUMNS = (
    *("exam_id", "name", "id_number", "sex", "birth_date", "phone", "employer_name", "employer_uscc", "employer_division"),
    *("industry_code", "enterprise_size", "exam_type", "exam_date", "exam_institution", "hazards", "job_type", "exposure_years"),
    *("conclusion", "fvc_pct", "hf_avg_db", "report_date"),
)
BLOCK = 250_000
SYNTHETIC = "\u5408\u6210"  # the word synthetic stands in every name


def export(rows: int, path: Path, seed: int = 1) -> None:
    """Write invented examination cards as an export in GB18030: 21 columns, about 200 bytes a row, 2 % of the rows dirty."""
    with path.open("wb") as out:
        titles = [schema.table("exam_cards").columns[name].title for name in COLUMNS]
        out.write((",".join(titles) + "\r\n").encode("gb18030"))
        for start in range(0, rows, BLOCK):
            frame = cards(start, min(BLOCK, rows - start), np.random.default_rng([seed, start]))
            text = frame.to_csv(index=False, header=False, lineterminator="\r\n")
            out.write(text.encode("gb18030"))


def cards(start: int, n: int, random: np.random.Generator) -> pd.DataFrame:
    """Invented cards; persons and employers belong to no one, places are invented."""
    number = np.arange(start, start + n)
    born = np.datetime64("1960-01-01") + random.integers(0, 16_000, n)
    sex = random.integers(0, 2, n)
    compact = np.char.replace(born.astype(str), "-", "")
    first = np.char.add(np.char.add("990101", compact), np.char.zfill((number * 2 % 1000 // 2 * 2 + sex).astype(str), 3))
    digits = np.array([list(each) for each in first], dtype=np.int64) if n else np.empty((0, 17), dtype=np.int64)
    weights = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    identity = np.char.add(first, np.array(list("10X98765432"))[(digits * weights).sum(axis=1) % 11])
    firm = random.integers(0, 20_000, n)
    day = np.datetime64("2021-01-01") + random.integers(0, 1_400, n)
    words = {name: codes.table(name)["name_zh"].to_numpy() for name in ("enterprise_sizes", "exam_types", "exam_conclusions")}
    hazards = codes.table("hazards")["name_zh"].to_numpy()[:40]
    values = {
        "exam_id": np.char.add("TJ", np.char.zfill(number.astype(str), 9)),
        "name": np.char.add(SYNTHETIC, (number % 97).astype(str)),
        "id_number": identity,
        "sex": np.where(sex == 1, *codes.table("sex").set_index("code")["name_zh"].loc[["1", "2"]]),
        "birth_date": born.astype(str),
        "phone": np.char.add("1990000", np.char.zfill((number % 10_000).astype(str), 4)),
        "employer_name": np.char.add(SYNTHETIC * 5, firm.astype(str)),
        "employer_uscc": "",
        "employer_division": (990101 + firm % 8).astype(str),
        "industry_code": np.array(["B0610", "C3011", "C2110", "C2614"])[firm % 4],
        "enterprise_size": words["enterprise_sizes"][firm % 4],
        "exam_type": words["exam_types"][random.integers(0, 3, n)],
        "exam_date": day.astype(str),
        "exam_institution": np.char.add(SYNTHETIC * 3, (firm % 20).astype(str)),
        "hazards": hazards[random.integers(0, 40, n)],
        "job_type": SYNTHETIC * 2,
        "exposure_years": np.char.mod("%.1f", random.random(n) * 30),
        "conclusion": words["exam_conclusions"][random.choice(4, n, p=[0.9, 0.07, 0.01, 0.02])],
        "fvc_pct": np.char.mod("%.1f", 60 + 50 * random.random(n)),
        "hf_avg_db": np.char.mod("%.0f", 10 + 40 * random.random(n)),
        "report_date": (day + 10).astype(str),
    }
    frame = pd.DataFrame({name: values[name] for name in COLUMNS})
    return dirtied(frame, random)


def dirtied(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Two in a hundred rows with a usual fault: notation of dates, a damaged number, an unknown place, no date, a repeat."""
    made = frame.astype("object")
    for column, change in {
        "exam_date": lambda values: values.str.replace("-", "."),
        "id_number": lambda values: values.str[:9] + "E+17",
        "employer_division": lambda _values: "999999",
        "report_date": lambda _values: "",
    }.items():
        at = random.choice(len(made), len(made) // 250, replace=False)
        made.loc[at, column] = change(made.loc[at, column].astype("str"))
    at = random.choice(len(made), len(made) // 250, replace=False)
    made.iloc[at] = made.iloc[np.maximum(at - 1, 0)].to_numpy()
    return made


def options() -> dict[str, object]:
    """How the table is cleaned: the invented places are declared, as a data set declares them."""
    places = pd.DataFrame({"code": [str(990101 + n) for n in range(8)], "name_zh": "", "name_en": ""})
    return {"table": "exam_cards", "places": places, "today": "2025-06-30"}


def raw(path: Path, out: Path) -> None:
    """R: decode, parse as text, write Parquet; no rule at all."""
    from codecs import getincrementaldecoder

    import polars as pl

    plain = out / "plain.csv"
    decoder = getincrementaldecoder("gb18030")()
    with path.open("rb") as source, plain.open("wb") as sink:
        while block := source.read(1 << 24):
            sink.write(decoder.decode(block).encode())
    pl.scan_csv(plain, infer_schema=False).sink_parquet(out / "raw.parquet", compression="lz4")
    plain.unlink()


def ours(path: Path, out: Path) -> None:
    """Full cleaning: quarantine, person key, repeats, audit counts."""
    from ohstats import clean_to

    told = clean_to(path, out / "clean", **options())
    print(json.dumps(told), file=sys.stderr)


def frames(path: Path, _out: Path) -> None:
    """`load` of a frame of 200,000 rows that is there already."""
    from ohstats import load

    frame = pd.read_csv(path, encoding="gb18030", dtype="str", keep_default_na=False)
    load(frame.head(1_000), **options())
    start = time.perf_counter()
    load(frame, **options())
    print(json.dumps({"seconds": time.perf_counter() - start}))


def workbook(path: Path, out: Path) -> None:
    """A workbook of 200,000 rows: bare calamine, and `load`."""
    import python_calamine

    from ohstats import load

    book = out / "cards.xlsx"
    if not book.is_file():
        pd.read_csv(path, encoding="gb18030", dtype="str", keep_default_na=False).to_excel(book, index=False)
    start = time.perf_counter()
    python_calamine.CalamineWorkbook.from_path(str(book)).get_sheet_by_index(0).to_python()
    bare = time.perf_counter() - start
    start = time.perf_counter()
    load(book, **options())
    print(json.dumps({"bare": bare, "seconds": time.perf_counter() - start}))


TASKS = {"raw": raw, "ours": ours, "frame": frames, "workbook": workbook}


def measured(task: str, path: Path, out: Path, **environment: str) -> dict[str, float]:
    """Seconds and peak memory (MB) of a task in a process of its own, and what it printed."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--task", task, "--path", str(path), "--out", str(out)]
    ended = subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(ended.stdout.splitlines()[-1])
    return {"wall": time.perf_counter() - start} | told


def run(rows: list[int], rounds: int) -> dict[str, Any]:
    """All measurements, raw and ours in turn."""
    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in rows:
            path = folder / f"{n}.csv"
            export(n, path)
            pairs = [(measured("raw", path, folder), measured("ours", path, folder)) for _round in range(rounds)]
            medians = [
                {key: statistics.median(pair[at][key] for pair in pairs) for key in ("seconds", "megabytes")} for at in (0, 1)
            ]
            lean = measured("ours", path, folder, POLARS_MAX_THREADS="1")
            made[str(n)] = {
                "bytes": path.stat().st_size,
                "raw": medians[0],
                "ours": medians[1],
                "ratio": statistics.median(pair[1]["seconds"] / pair[0]["seconds"] for pair in pairs),
                "lean": {key: lean[key] for key in ("seconds", "megabytes")},
            }
            path.unlink()
        small = folder / "small.csv"
        export(200_000, small)
        made["frame_200000"] = measured("frame", small, folder)["seconds"]
        book = [measured("workbook", small, folder) for _round in range(rounds)]
        made["workbook_200000_ratio"] = statistics.median(each["seconds"] / each["bare"] for each in book)
        made["workbook_200000"] = statistics.median(each["seconds"] for each in book)
    return made


def tables(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What was measured as tables of docs/performance.md, with what was to be reached."""
    rows, reached = [], {}
    sizes = [key for key in told if key.isdigit()]
    for key in sizes:
        each = told[key]
        for name, part in (
            ("raw polars, transcoding and Parquet", "raw"),
            ("ohstats, default", "ours"),
            ("ohstats, one thread", "lean"),
        ):
            ratio = each[part]["seconds"] / each["raw"]["seconds"]
            cells = (f"{each[part]['seconds']:.1f}", f"{ratio:.2f}", f"{each[part]['megabytes']:,.0f}")
            rows.append([f"{int(key):,}", f"{each['bytes'] / 1e9:.2f}", name, *cells])
    last = told[sizes[-1]]
    reached[f"at most 3.2 times raw polars: {last['ratio']:.2f}"] = last["ratio"] <= 3.2
    reached[f"at most 4 GB: {last['ours']['megabytes'] / 1000:.2f} GB"] = last["ours"]["megabytes"] <= 4000
    growth = [told[key]["ours"]["seconds"] / int(key) for key in (sizes[0], sizes[-1])]
    reached[f"seconds per row, largest over smallest file: {growth[1] / growth[0]:.2f} (linear: 1)"] = (
        growth[1] <= 1.1 * growth[0]
    )
    frame, book = told["frame_200000"], told["workbook_200000_ratio"]
    reached[f"a frame of 200,000 rows in at most 0.6 s: {frame:.2f} s"] = frame <= 0.6
    reached[f"a workbook of 200,000 rows in at most 1.5 times bare calamine: {book:.2f}"] = book <= 1.5
    text = (
        "Examination cards of 21 columns in GB18030, 2 % of the rows dirty, to Parquet: full cleaning with quarantine, key of "
        "persons, repeats and audit, beside polars without any rule. Medians, in turn, each in a process of its own."
    )
    columns = ["rows", "GB", "what", "seconds", "times raw polars", "peak memory, MB"]
    return [{"title": "Cleaning of large exports", "text": text, "columns": columns, "rows": rows, "reached": reached}]


def main() -> None:
    """Measure and write, or do one task and tell its time and memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("--task", "--path", "--out"):
        parser.add_argument(name, default="")
    given = parser.parse_args()
    if given.task:
        start = time.perf_counter()
        TASKS[given.task](Path(given.path), Path(given.out))
        if given.task in ("raw", "ours"):
            status = Path("/proc/self/status").read_text(encoding="ascii")  # ru_maxrss would tell of the parent's as well
            peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            print(json.dumps({"seconds": time.perf_counter() - start, "megabytes": peak}))
        return
    told = run(given.rows, given.rounds)
    page = {
        "machine": f"{os.cpu_count()} cores",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "tables": tables(told),
        "measured": told,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(page, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
