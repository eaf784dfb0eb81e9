"""Unattended runs: only what changed is made again, parts join to the whole, and a run tells how far it is."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ROOT
from runs import Place, Ran, busy

from ohstats import __main__ as command
from ohstats import clean, data, dataset, disclosure, forked, manifest, open_data, pages, paths, plan, progress, runner, slices
from ohstats.errors import FileRefused, OhstatsError, ParameterRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [pytest.mark.flow, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]


# Incremental ----------------------------------------------------------------------------------------------------------
def test_a_report_reads_its_slice_and_nothing_else_of_the_data_set(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = dataset.load(place.data)
    data.prepare(chosen, place.workspace, "public")
    folder = place.workspace.protected(chosen.id, "public") / "slices"
    told = {"asked": [str(chosen.folder), "990002", "public"], "folder": str(folder), "digest": slices.digests(folder)["990002"]}
    monkeypatch.setenv("OHSTATS_WORK", str(place.work))
    whole = open_data(chosen.folder, "990002", period="2020")
    shutil.rmtree(place.data)
    for path in [each for each in place.work.rglob("*") if each.is_file() and each.name not in ("shared.json", "990002.json")]:
        path.unlink()
    monkeypatch.setenv(data.SLICE, json.dumps(told))
    own = open_data(chosen.folder, "990002", period="2020")
    for name in ("counts", "context", "indicators", "targets", "breaks"):
        assert getattr(own, name).equals(getattr(whole, name))
    assert (own.place, own.facts, own.dataset.titles) == (whole.place, whole.facts, whole.dataset.titles)
    (folder / "990002.json").write_text((folder / "990002.json").read_text().replace("false", "true", 1))
    with pytest.raises(FileRefused, match="not those that were written"):
        open_data(chosen.folder, "990002", period="2020")


def test_what_is_unchanged_is_neither_cleaned_nor_protected_nor_run_again(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(place)
    assert first.made == dict.fromkeys(place.codes, "")
    before = place.site, (place.workspace.register / "published.csv").read_bytes()
    for module, name in ((clean, "clean_dataset"), (disclosure, "protect"), (runner, "run"), (forked, "start_server")):
        monkeypatch.setattr(module, name, lambda *_given, **_named: pytest.fail("done again"))
    again = run(place)
    assert (again.code, again.made, again.end["unchanged"], again.end["made"]) == (0, {}, 3, 3)
    assert "Unchanged: 3." in run(place, log_json=False).out
    assert (place.site, (place.workspace.register / "published.csv").read_bytes()) == before


def test_leaks_are_looked_for_once_and_again_when_places_register_or_data_change(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, leaks = [], disclosure.leaks
    monkeypatch.setattr(disclosure, "leaks", lambda *given: looked.append(1) or leaks(*given))

    def looks() -> int:
        looked.clear()
        assert run(place).code == 0
        return len(looked)

    assert (looks(), looks(), looks()) == (1, 1, 0)  # the first run made the register longer
    place.put(c990002=25)
    assert (looks(), looks(), looks()) == (1, 1, 0)
    register = place.workspace.register / "published.csv"
    register.write_text(register.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert looks() == 1
    run(place, district=["990001"])
    assert looks() == 1


def test_pages_are_made_by_the_processes_that_ran_their_notebooks_and_not_once_more(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "results", lambda *_given: pytest.fail("a page was made in the process that runs all"))
    assert run(place).made == dict.fromkeys(place.codes, "")
    assert len([name for name in place.site if name.endswith("_quick.html")]) == 3


def test_a_changed_district_is_made_again_and_no_other(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    before = place.site
    place.put(c990002=25)
    assert run(place).made == {"990002": ""}
    changed = {name for name, content in place.site.items() if before[name] != content}
    assert changed == {f"en/990002_quick.{kind}" for kind in ("html", "json")} | {"data.html"}  # the digest of its counts


def test_others_are_made_again_when_their_protected_counts_change(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place)
    protect = disclosure.protect

    def hide_one_more(*given: Any) -> disclosure.Protected:
        made = protect(*given)
        more = (made.counts["place"] == "990003") & (made.counts["period"] == "2020")
        made.counts.loc[more, "hidden"] = True
        made.counts.loc[more, "numerator"] = float("nan")
        return made

    monkeypatch.setattr(disclosure, "protect", hide_one_more)
    place.put(c990001=3)
    assert run(place).made == {"990001": "", "990003": ""}


def test_all_that_a_report_reads_decides(place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    run(place)
    assert run(place, {"990001": ""}).made == dict.fromkeys(place.codes, "")  # a parameter
    assert run(place, {"990001": ""}, language="zh").made == dict.fromkeys(place.codes, "")
    assert run(place).made == dict.fromkeys(place.codes, "")  # back again: what lies there was made with the parameter
    changes = {
        "module beside the notebook": lambda: (place.folder / "own.py").write_text("x = 1"),
        "notebook": lambda: place.notebook.write_text(place.notebook.read_text().replace("import json", "import  json")),
        "targets": lambda: (place.data / "targets.csv").write_text(
            "indicator_id,comparator,jurisdiction_code,target_value\nx,>=,990001,1\nx,>=,990002,1\nx,>=,990003,1\n"),
        "indicators": lambda: (place.data / "indicators.csv").write_text("indicator_id,measure\nx,count\n"),
        "package": lambda: monkeypatch.setattr(paths, "package_digest", lambda: "other"),
        "libraries": lambda: monkeypatch.setattr(manifest, "distributions", list),
    }  # fmt: skip
    for what, change in changes.items():
        change()
        manifest._notebook.cache_clear()
        manifest._software.cache_clear()
        would = run(place, dry_run=True)
        assert "3 of 3 reports would be made; nothing was written." in would.out, what
        if what in ("targets", "indicators"):
            assert run(place).made == dict.fromkeys(place.codes, ""), what
    manifest._software.cache_clear()


def test_a_correction_remakes_the_places_whose_counts_it_changes(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    entry = "- {table: case_counts, row: 2, column: n, from: '30', to: '31', reason: typo}\n"
    (place.data / "corrections.yml").write_text(entry)
    assert run(place).made == {"990001": ""}


def test_what_was_damaged_is_made_again(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    before = place.site
    files_of = place.workspace.work / "small"
    (files_of / "executed/public/en/990001_quick.ipynb").write_text("{")
    (files_of / "executed/public/en/990002_quick.ipynb").unlink()
    (files_of / "pages/public/en/990003_quick.html").write_text("altered")
    assert run(place).made == {"990001": "", "990002": ""}
    (files_of / "protected/public/slices/990001.json").write_text("{}")
    (files_of / "clean/case_counts.parquet").unlink()
    assert run(place).made == {}
    assert place.site == before


def test_force_makes_all_again_and_a_failure_is_tried_again(place: Place, run: Callable[..., Ran]) -> None:
    stumble = {"990002": f"open({str(place.folder / 'there')!r})"}
    assert run(place, stumble).made["990002"] == "FileNotFoundError"
    (place.folder / "there").touch()
    assert run(place, stumble).made == {"990002": ""}
    assert run(place, stumble, force=True).made == dict.fromkeys(place.codes, "")


# Parts ----------------------------------------------------------------------------------------------------------------
def test_parts_are_run_side_by_side_and_joined_to_the_same_site(place: Place, run: Callable[..., Ran], tmp_path: Path) -> None:
    for part in ("0/2", "3/2", "1", "1/x"):
        with pytest.raises(ParameterRefused, match="write the number of a part and how many there are, as in 3/10"):
            run(place, part=part)
    with pytest.raises(ParameterRefused) as refused:
        run(place, part="1/2")
    assert str(refused.value) == "--shard runs notebooks only. First run: ohstats clean, ohstats protect (data sets: small)"
    command.clean(data_dir=[place.data], work=place.work)
    command.protect(data_dir=[place.data], work=place.work)
    with busy(place, "2/2"):
        with pytest.raises(OhstatsError, match="Another run is at work"):
            run(place, part="2/2")
        with pytest.raises(OhstatsError, match="Another run is at work"):
            run(place)
        assert run(place, part="1/2").made == {"990001": "", "990003": ""}
    with pytest.raises(ParameterRefused) as refused:
        command.site(work=place.work)
    assert str(refused.value) == "Parts that were not run: 2/2. Run: ohstats run --shard ..."
    assert run(place, part="2/2").made == {"990002": ""}
    assert not place.workspace.site("public").exists()
    command.site(work=place.work)
    joined = place.site
    assert run(place).made == {}  # what the parts made stays made
    whole = run(place, work=tmp_path / "other")
    place.work = tmp_path / "other"
    assert (whole.code, place.site) == (0, joined)
    run(place, part="1/2")
    run(place, part="2/2", assessment="midterm", district=["990001", "990002"])
    with pytest.raises(ParameterRefused, match="The parts were run with different options"):
        command.site(work=place.work)


# What it tells --------------------------------------------------------------------------------------------------------
def test_a_run_without_a_terminal_tells_count_rate_time_left_and_failures(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    told = run(place, {"990002": "1 / 0"}, log_json=False, workers=1)
    pattern = r"1 of 3 reports; \d+\.\d a second, 0 failed; \d+ s left\nfailed: quick of 990002 \(en\): ZeroDivisionError\n"
    assert re.match(pattern + r"2 of 3 reports; .*, 1 failed; \d+ s left\n3 of 3 .*; 0 s left\n", told.err)
    assert (told.code, told.out.splitlines()[1]) == (1, "failed: quick of 990002 (en): ZeroDivisionError")


def test_a_terminal_shows_a_bar_with_count_rate_time_left_and_failures(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", run(place, {"990002": "1 / 0"}, log_json=False).err)
    assert "failed: quick of 990002 (en): ZeroDivisionError" in shown
    assert re.search(r"3/3 0:00:\d\d 0:00:00 \d+\.\d a second, 1 failed", shown)


def test_an_interrupted_run_ends_with_its_own_code_and_keeps_what_it_made(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: Any, outcome: plan.Outcome) -> None:
        if outcome.district == "990002":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.Teller, "done", interrupted)
        told = run(place, workers=1)
    assert (told.code, told.err.strip()) == (130, "Interrupted. The same command goes on from here.")
    assert run(place).made == {"990003": ""}


def test_the_page_on_performance_is_made_of_what_was_measured() -> None:
    found = importlib.util.spec_from_file_location("document", ROOT / "benchmarks" / "document.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == module.document()
