"""The attack of tests/siege.py on a large published site: 100 districts and their city, two yearly releases.

Run from the root of the project: `OPENBLAS_NUM_THREADS=1 PYTHONPATH=. python benchmarks/attack.py`. Writes attack.json beside
this file, from which `python benchmarks/document.py` makes docs/performance.md. About an hour on two cores; `--quick` is a look
with 6 districts that writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

BESIDE = Path(__file__).resolve().parent
sys.path.insert(0, str(BESIDE.parent / "tests"))
import siege  # noqa: E402

from ohstats import gate  # noqa: E402


def publish(root, districts):
    """Both releases by the command line, each site copied away; seconds of both."""
    cards, codes = siege.city(districts)
    early, late = siege.released(cards)
    seconds, sites = [], []
    for last, there in ((siege.LAST - 1, early), (siege.LAST, late)):
        siege.write(root / "data", there, codes, last)
        command = [sys.executable, "-m", "ohstats", "run", "--data-dir", str(root / "data"), "--work", str(root / "work")]
        start = time.perf_counter()
        subprocess.run([*command, "--language", "en", "--notebook", "2_trend", "-j", "2"], check=True)
        seconds.append(time.perf_counter() - start)
        sites.append(shutil.copytree(root / "work" / "reports" / "site", root / str(last)))
    return sites, siege.world(late, codes), late, seconds


def main(districts, identifiers, small, write):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OHSTATS_SECRET"] = str(Path(folder) / "key" / "person_key")
        root = Path(folder) / "siege"
        sites, truth, cards, seconds = publish(root, districts)
        attack = siege.Siege(truth, [siege.published(site, truth) for site in sites])
        lost, tried = attack.told_of(truth.figures(), small)
        bare = truth.figures().assign(hidden=False)  # the same with nothing hidden: what the attack would find
        small_shown = int(bare["numerator"].between(1, 4).sum())
        texts = siege.identifiers(cards, identifiers)
        needles = siege.Needles(texts)
        files = [
            path.read_bytes() for site in sites for path in sorted(site.rglob("*")) if path.suffix in (".html", ".json", ".csv")
        ]
        start = time.process_time()
        wanted = gate.collect(root / "data")
        collected = time.process_time() - start
        start = time.process_time()
        gated = sum(bool(gate.identifiers.findings(content, wanted)) for content in files)
        scan = time.process_time() - start
        rows = [
            ["places, yearly releases", f"{districts} districts and their city, {len(sites)}"],
            ["files read by the attacker", f"{len(files)} ({sum(map(len, files)) / 1e6:.1f} MB)"],
            ["figures printed; starred", f"{len(attack.printed)}; {len(attack.starred)}"],
            ["small counts attacked, each value as an integer programme", str(tried)],
            ["of them with a value ruled out", str(len(lost))],
            ["small counts that a step hiding nothing would print", str(small_shown)],
            ["identifiers of the input looked for", str(len(texts))],
            ["files with one: own search; gate", f"{sum(needles.inside(content) for content in files)}; {gated}"],
            [
                "planted one by one (14 forms, 6 containers), not found: own search",
                str(len(siege.planted(texts, needles.inside))),
            ],
            [
                "planted one by one, not found: gate",
                str(len(siege.planted(texts, lambda content: bool(gate.identifiers.findings(content, wanted))))),
            ],
            ["gate: collecting identifiers of the input, CPU seconds", f"{collected:.1f}"],
            ["gate: search for identifiers, CPU milliseconds a file", f"{1000 * scan / len(files):.1f}"],
            ["whole runs of both releases, seconds", " and ".join(f"{each:.0f}" for each in seconds)],
        ]
    print("\n".join(lost[:20]))
    for row in rows:
        print(" | ".join(row))
    table = {
        "title": "An attack on a published site",
        "text": "Disease cards of invented districts, some late, some withdrawn between two yearly releases. The attacker reads "
        "the published pages, results and downloads (tables, sentences, alternative texts, marks of figures) and nothing else.",
        "columns": ["what", "result"],
        "rows": rows,
        "reached": {
            "nothing found in the published site": not lost and not gated,
            "at least 200 small counts tried": tried >= 200,
        },
    }
    told = {
        "tables": [table],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    if write:
        (BESIDE / "attack.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    if options.parse_args().quick:
        main(6, 500, 40, write=False)
    else:
        main(100, 10_000, 240, write=True)
