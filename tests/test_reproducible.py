"""Unattended runs: the same bytes come out, and pages say from which data."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, ohstats

from ohstats import forked, slices
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run
    from runs import Place, Ran

pytestmark = [pytest.mark.flow, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]


def test_workers_hash_seed_time_zone_and_locale_do_not_change_a_byte(
    published: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PYTHONHASHSEED": "77", "TZ": "Asia/Shanghai", "LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OHSTATS_LANGUAGE")
    places = ["--example", "--district", "100000", "--district", "990104"]
    again = ohstats(tmp_path, "run", *places, "--language", "en,zh", "-j", "1")
    assert again.done.returncode == 0, again.done.stderr
    done = subprocess.run(["diff", "-r", str(published.site), str(again.site)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_pages_show_data_date_and_digest_and_the_hashes_of_files_stand_on_one_page(published: Run) -> None:
    work = Workspace.at(published.work)
    digest = slices.digests(work.protected("synthetic", "public") / "slices")["990104"]
    page = (published.site / "en" / "990104_trend.html").read_text(encoding="utf-8")
    assert digest[:16] in page
    assert "2025-12-31" in page
    hashes = subprocess.run(["sha256sum", "case_counts.csv"], cwd=ROOT / "data/example/synthetic", capture_output=True, text=True)
    sha = hashes.stdout.split()[0]
    assert [path.name for path in published.pages() if sha in path.read_text(encoding="utf-8")] == ["data.html"]
    noted = (work.work / "run-public.jsonl").read_text(encoding="utf-8").splitlines()
    when = json.loads(noted[-1])["at"]
    assert all(when[:10] not in path.read_text(encoding="utf-8") for path in published.pages())


def test_hashes_that_could_give_hidden_counts_away_are_not_published(place: Place, run: Callable[..., Ran]) -> None:
    told = (place.data / "dataset.yml").read_text(encoding="utf-8")
    (place.data / "dataset.yml").write_text(told.replace("synthetic: true\n", ""), encoding="utf-8")
    run(place)
    page = place.site["data.html"].decode()
    assert "hidden counts could be found from them" in page
    assert "case_counts.csv" not in page
    run(place, edition="internal")
    assert "case_counts.csv" in (place.workspace.site("internal") / "data.html").read_text(encoding="utf-8")
