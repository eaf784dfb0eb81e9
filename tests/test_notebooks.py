"""The notebooks run as they are: by the bare papermill command, by the runner, and opened in JupyterLab."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from conftest import ROOT, digests

from ohstats.result import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Run
    from playwright.sync_api import Browser

PAPERMILL = str(Path(sys.executable).parent / "papermill")
RUNS = {
    "1_data_check": ["-p", "district", "990104"],
    "2_trend": [],
    "3_evaluation": ["-p", "district", "990104", "-p", "period", "2025", "-p", "first_year", "2010",
                     "-p", "data_dir", "data/example/synthetic", "-p", "language", "zh"],
    "4_overview": [],
}  # fmt: skip


def results(path: Path) -> list[dict[str, object]]:
    notebook = nbformat.read(path, as_version=4)
    return [
        output["data"][MIME] for cell in notebook.cells for output in cell.get("outputs", []) if MIME in output.get("data", {})
    ]


@pytest.mark.notebook
def test_every_notebook_runs_by_the_bare_papermill_command(tmp_path: Path, published: Run) -> None:
    """The evaluation protects its counts in memory; the check and the overview find those of an earlier run, as most do."""
    before = digests()
    ready = {**os.environ, "OHSTATS_WORK": str(published.work)}
    running = [
        subprocess.Popen(
            [PAPERMILL, "--no-progress-bar", str(ROOT / "notebooks" / f"{name}.ipynb"), f"{name}.ipynb", *given],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=ready if name in ("1_data_check", "4_overview") else None,
        )
        for name, given in RUNS.items()
    ]  # fmt: skip
    for process in running:
        _out, said = process.communicate(timeout=400)
        assert process.returncode == 0, said
    checked, trend, evaluation, overview = (results(tmp_path / f"{name}.ipynb") for name in RUNS)
    assert str(checked[0]["title"]) == "Data check: Beigang County"
    assert [len(checked), checked[2]["id"], checked[2]["internal"]] == [17, "check-files", True]
    assert "2014–2024: −10.7% per year (interval, 95%: −13.3 to −8.1): falling." in str(trend[2]["sentences"])
    assert overview[0]["title"] == "Example City: its 8 districts side by side, 2025"
    assert str(evaluation[0]["title"]).startswith("北岗县")  # papermill passed the code as a number
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.ipynb" for name in RUNS]
    assert digests() == before


@pytest.mark.notebook
def test_the_runner_passes_every_parameter_as_declared(published: Run) -> None:
    path = published.work / "data" / "work" / "synthetic" / "executed" / "public" / "zh" / "990104_evaluation.ipynb"
    given = json.loads(path.read_text(encoding="utf-8"))["metadata"]["papermill"]["parameters"]
    assert given | {"data_dir": ""} == {
        "assessment": "annual", "data_dir": "", "district": "990104", "edition": "public", "first_year": 2010,
        "language": "zh", "period": "2025",
    }  # fmt: skip
    assert [result["id"] for result in results(path)][:4] == ["head", "cover", "headline", "clear-numbers"]
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab on copies of the notebooks; its address and folder."""
    folder, private = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("private")
    shutil.copytree(ROOT / "notebooks", folder, dirs_exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    private_dirs = {f"JUPYTER_{name}_DIR": str(private / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = ["--no-browser", f"--port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--LabApp.news_url=",
               f"--ServerApp.root_dir={folder}", "--allow-root"]  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=os.environ | private_dirs | {"OHSTATS_WORK": str(private)},
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()  # noqa: S310
                break
            except OSError:
                time.sleep(0.25)
        yield address, folder
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.browser
@pytest.mark.notebook
def test_a_notebook_runs_as_opened_in_jupyterlab(browser: Browser, lab: tuple[str, Path]) -> None:
    address, _folder = lab
    with browser.new_page() as page:
        page.set_default_timeout(90_000)
        page.goto(f"{address}/lab/tree/2_trend.ipynb?reset")
        page.wait_for_selector(".jp-CodeCell")
        page.wait_for_selector("#jp-main-statusbar >> text=| Idle")  # a command given earlier is lost
        page.click(".lm-MenuBar-item:nth-child(4)")
        page.click('[data-command="runmenu:run-all"]')
        page.wait_for_function("document.querySelectorAll('.jp-CodeCell .jp-OutputArea-output section').length >= 8")
        page.wait_for_selector("#provenance")
        assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type*="error"]').count() == 0
        assert "−10.7% per year" in (page.text_content("#headline") or "")
        drawn = "[...document.querySelectorAll('.jp-RenderedSVG img')].map(e => e.complete && e.naturalWidth > 0)"
        assert page.evaluate(drawn) == [True] * 3  # cases by year, the split of their change, categories
