"""Reports for many places: the ways to make them side by side, and how time and memory grow with the number of places.

`python benchmarks/batch.py` writes batch.json beside this file, `python benchmarks/document.py` then writes docs/performance.md.
The whole takes about an hour on two cores; `--quick` is a minute's look at whether all of it works and writes nothing. A run of
all 2,850 districts is added by `--unchanged 2850`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import batch  # this file under the name by which a child finds it
import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_output

from ohstats import data, dataset, forked, open_data, pages, paths, plan, runner, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BESIDE = Path(__file__).resolve().parent
WORKERS = 2
WAYS = ("papermill and nbconvert, one after another", "the same, two at a time (xargs -P2)", "ohstats run", "floor")


# One way beside the other ---------------------------------------------------------------------------------------------
def city(work: paths.Workspace) -> list[plan.Job]:
    """Both reports of all districts of the synthetic city in both languages."""
    chosen = dataset.load(paths.examples() / "synthetic")
    data.prepare(chosen, work, "public")
    os.environ["OHSTATS_WORK"] = str(work.root)
    jobs = plan.plan(
        chosen, work, notebooks=[paths.notebook(each) for each in plan.REPORTS], districts=list(chosen.reported),
        languages=["zh", "en"], edition="public", period="2025", first_year=2010, assessment="annual",
    )  # fmt: skip
    return runner.with_slices(jobs, work)


def shell(jobs: list[plan.Job], folder: Path, at_a_time: int) -> float:
    """Seconds for a shell that runs papermill and nbconvert for each report."""
    lines = []
    for number, job in enumerate(jobs):
        given = " ".join(f"-r {name} '{value}'" for name, value in job.parameters.items() if name != "first_year")
        given += f" -p first_year {job.parameters['first_year']}"
        made = folder / f"{number}.ipynb"
        lines.append(f"papermill --no-progress-bar '{job.notebook}' '{made}' {given} && jupyter nbconvert --to html '{made}'")
    script = folder / "one.sh"
    script.write_text('eval "$1"\n', encoding="utf-8")
    command = ["xargs", "-0", "-n1", f"-P{at_a_time}", "sh", str(script)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    start = time.perf_counter()
    environment = {**os.environ, "PATH": path}
    subprocess.run(command, input="\0".join(lines).encode(), check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def forks(jobs: list[plan.Job], work: paths.Workspace, child: Callable[..., None]) -> float:
    """Seconds for all jobs, each in a process forked from a warm one, two at a time."""
    for job in jobs:
        shutil.rmtree(job.pages, ignore_errors=True)
    stock, runner._child = runner._child, child
    try:
        start = time.perf_counter()
        with closing(runner._forked(jobs, WORKERS, str(work.work / "log"), forked.Limits())) as outcomes:
            failed = [told.error for _number, told in outcomes if told.error]
        taken = time.perf_counter() - start
    finally:
        runner._child = stock
    if failed:
        raise RuntimeError(failed[0])
    return taken


def floor(connection: Any, job: plan.Job, log: str) -> None:
    """The same sections called as plain functions, the same template: no papermill, no shell, no parameters checked."""
    runner._quiet(log)
    runner._announce(job)
    shown: list[dict[str, Any]] = []
    space: dict[str, Any] = {"open_data": open_data, "sections": sections, "show": lambda result: shown.append(result.bundle())}
    for cell in nbformat.read(job.notebook, as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            space |= job.parameters
        elif cell.cell_type == "code" and not cell.source.startswith("from ohstats"):
            exec(cell.source, space)  # noqa: S102
    outputs = [new_output("display_data", data=bundle, metadata=told) for bundle, told in shown]
    executed = Path(job.output)
    executed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[new_code_cell(outputs=outputs)]), executed)
    told = plan.outcome(job)
    pages.make(executed, Path(job.pages), told.district, told.report, told.language, job.others)
    connection.send(told)


def side_by_side(rounds: int, sample: int) -> dict[str, Any]:
    """Seconds per report, interleaved; the slow ways make `sample` reports, the quick ones all."""
    with tempfile.TemporaryDirectory() as folder:
        work = paths.Workspace.at(folder)
        jobs = city(work)
        mixed = list(islice(cycle(jobs[::5]), sample))
        batch.forks(jobs[:2], work, runner._child)  # warm-up
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for _round in range(rounds):
            for at_a_time, way in ((1, WAYS[0]), (2, WAYS[1])):
                with tempfile.TemporaryDirectory() as beside:
                    taken[way].append(batch.shell(mixed, Path(beside), at_a_time) / len(mixed))
            taken[WAYS[2]].append(batch.forks(jobs, work, runner._child) / len(jobs))
            taken[WAYS[3]].append(batch.forks(jobs, work, batch.floor) / len(jobs))
        print({way: each[-1] for way, each in taken.items()}, file=sys.stderr, flush=True)
    medians = {way: statistics.median(each) for way, each in taken.items()}
    ours = medians[WAYS[2]]
    rows = [
        [way, f"{value:.2f}", f"{min(taken[way]):.2f}–{max(taken[way]):.2f}", f"{value / ours:.2f}"]
        for way, value in medians.items()
    ]
    return {
        "title": "The ways to make a report",
        "text": "Both reports of the eight districts of the synthetic city. Seconds per report, medians of "
        f"{rounds} interleaved rounds; the last two without the start of about three seconds that a whole run pays once. Floor: "
        "the sections called as plain functions in the same kind of process, same template.",
        "columns": ["way", "s per report", "smallest–largest", "times ours"],
        "rows": rows,
        "reached": {
            "ours at most 1/20 of the loop": ours <= medians[WAYS[0]] / 20,
            "ours at most 1/10 of xargs -P2": ours <= medians[WAYS[1]] / 10,
            "ours at most 1.15 of the floor": ours <= medians[WAYS[3]] * 1.15,
        },
    }


# Growth ---------------------------------------------------------------------------------------------------------------
def grown(folder: Path, n: int) -> Path:
    """A data set of n districts with the figures of the eight synthetic ones."""
    source = dataset.load(paths.examples() / "synthetic")
    codes = {f"{910001 + number}": source.reported[number % len(source.reported)] for number in range(n)}
    folder.mkdir(parents=True)
    for name, column in (("case_counts", "place"), ("indicator_values", "place"), ("targets", "jurisdiction_code")):
        with (source.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        _write(
            folder / f"{name}.csv", [row | {column: code} for code, like in codes.items() for row in rows if row[column] == like]
        )
    named = [{"code": code, "name_zh": code, "name_en": f"District {code}", "level": "county", "parent": ""} for code in codes]
    _write(folder / "places.csv", named)
    told = yaml.safe_load((source.folder / "dataset.yml").read_text(encoding="utf-8"))
    told["id"] = "grown"
    told["covers"] = [entry | {"places": "all"} for entry in told["covers"] if (folder / f"{entry['table']}.csv").is_file()]
    (folder / "dataset.yml").write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    return folder


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    if not rows:  # none of these districts has a figure of this kind
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


class Memory(threading.Thread):
    """The largest memory in use, in MB, of a process and of those that the one below it (the fork server) forked."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.parent, self.child, self.ended = pid, 0.0, 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        """Look ten times a second."""
        while not self.ended.wait(0.1):
            told = dict(_processes())
            below = {pid for pid, (above, _used) in told.items() if above == self.pid}
            self.parent = max(self.parent, told.get(self.pid, (0, 0.0))[1])
            self.child = max([self.child, *(used for above, used in told.values() if above in below)])


def _processes() -> Iterator[tuple[int, tuple[int, float]]]:
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            told = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines())
            yield int(path.parent.name), (int(told["PPid"]), int(told.get("VmRSS", "0 kB").split()[0]) / 1000)
        except (OSError, ValueError, KeyError):
            continue


def whole_run(folder: Path, work: Path) -> dict[str, float]:
    """One `ohstats run` of all districts, both reports, Chinese."""
    command = [sys.executable, "-m", "ohstats", "run", "--data-dir", str(folder), "--work", str(work)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--language", "zh", "-j", str(WORKERS), "--log-json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = Memory(process.pid)
    assert process.stdout  # noqa: S101  it is a pipe
    times = [time.perf_counter() for line in process.stdout if json.loads(line)["event"] == "report"]
    process.wait()
    memory.ended.set()
    if process.returncode:
        raise RuntimeError(process.stderr.read() if process.stderr else "")
    each = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float("nan")
    total = time.perf_counter() - start
    return {"each": each, "total": total, "parent": memory.parent, "child": memory.child}


def growth(sizes: list[int], unchanged: int) -> Iterator[dict[str, Any]]:
    """Time and memory of whole runs by the number of districts, and of the same run again."""
    rows, again, first = [], [], []
    for n in sorted({*sizes, *([unchanged] if unchanged else [])}):
        with tempfile.TemporaryDirectory() as beside:
            folder = batch.grown(Path(beside) / "data", n)
            rounds = 5 if n < 20 else 1  # one run of so few reports says little
            made = [batch.whole_run(folder, Path(beside) / f"work{number}") for number in range(rounds)]
            told = {name: statistics.median(each[name] for each in made) for name in made[0]}
            first.append(told)
            reports = f"{2 * n:,}"
            rows.append(
                [
                    f"{n:,}",
                    reports,
                    *(f"{told[name]:.{digits}f}" for name, digits in (("each", 3), ("total", 0), ("parent", 0), ("child", 0))),
                ]
            )
            same = [batch.whole_run(folder, Path(beside) / "work0")["total"] for _round in range(3)]
            again.append([f"{n:,}", reports, f"{statistics.median(same):.1f}"])
            print(rows[-1], again[-1], file=sys.stderr, flush=True)  # an hour's work tells how far it is
    each, parent = ([told[name] for told in first] for name in ("each", "parent"))
    yield {
        "title": "Growth with the number of districts",
        "text": "Two reports for each district, in Chinese, two at a time. Seconds per report: between the first and the last "
        "report of a run. Seconds in all: also the start, cleaning, protecting and the site. Memory: largest in use, in MB.",
        "columns": ["districts", "reports", "s per report", "s in all", "parent MB", "largest child MB"],
        "rows": rows,
        "reached": {
            "seconds per report within 10 %": max(each) <= 1.1 * min(each),
            "parent's memory within 100 MB": max(parent) - min(parent) <= 100,
            "at most 400 MB per child": max(told["child"] for told in first) <= 400,
        },
    }
    reached = {"5,700 unchanged reports in at most 20 s": float(again[-1][2]) <= 20} if unchanged else {}
    yield {
        "title": "The same run again, nothing changed",
        "text": "Every file that a report reads or that was made is read and compared, and the site is joined anew; pages that "
        "the gate let pass before, and the look for leaks, are left alone where nothing that they read has changed.",
        "columns": ["districts", "reports", "s in all"],
        "rows": again,
        "reached": reached,
    }


def machine() -> str:
    """What it was measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, {platform.system()}"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 80, 800])
    parser.add_argument("--unchanged", type=int, default=0, help="a further number of districts, e.g. 2850")
    given = parser.parse_args()
    rounds, sample, sizes = (1, 2, [4, 20]) if given.quick else (given.rounds, 6, given.sizes)
    tables = [batch.side_by_side(rounds, sample), *batch.growth(sizes, given.unchanged)]
    told = {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "tables": tables}
    text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    if given.quick:
        print(text)
    else:
        (BESIDE / "batch.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
