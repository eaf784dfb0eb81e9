"""What all tests share: English messages, and a browser that may be missing on a desk but not in CI."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

try:
    import fcntl
except ImportError:  # Windows: there the suite runs in one process
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from playwright.sync_api import Browser
    from runs import Place, Ran

ROOT = Path(__file__).resolve().parents[1]
os.environ["PYTHONPATH"] = str(ROOT)  # commands and kernels that tests start import this checkout
os.environ["OHSTATS_LANGUAGE"] = "en"  # error texts are tested word for word, whatever the desk's language
os.environ.setdefault("MPLBACKEND", "agg")
os.environ["OHSTATS_SECRET"] = str(Path(tempfile.mkdtemp()) / "person_key")  # never the key of the person at this desk

READ_ONLY = ("data/example", "ohstats", "notebooks")


@dataclass(frozen=True)
class Run:
    """What one `ohstats run` left behind, and what the repository was before and after it."""

    work: Path
    done: subprocess.CompletedProcess[str]
    before: dict[str, str]
    after: dict[str, str]

    @property
    def site(self) -> Path:
        return self.work / "reports" / "site"

    def pages(self) -> list[Path]:
        return sorted(self.site.rglob("*.html"))


def digests() -> dict[str, str]:
    """Digest of every file that a run may not touch."""
    paths = [path for folder in READ_ONLY for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    kept = [path for path in paths if "__pycache__" not in path.parts]
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def ohstats(work: Path, *arguments: str) -> Run:
    """Run the command line in a process of its own, as a user does."""
    before = digests()
    command = [sys.executable, "-m", "ohstats", *arguments, "--work", str(work)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Run(work, done, before, digests())


def made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], Run]) -> Run:
    """What `make` gives of a new folder: of all processes that run tests side by side the first one makes it, the others wait."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = base / f"{name}.pickle"
    with (base / f"{name}.lock").open("w") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make(base / name)))
        run: Run = pickle.loads(kept.read_bytes())  # noqa: S301  our own file
    return run


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """China and one synthetic county, both reports in both languages, through kernels: made once for all tests."""
    places = ["--example", "--district", "100000", "--district", "990104"]
    return made_once("published", tmp_path_factory, lambda folder: ohstats(folder, "run", *places, "--language", "en,zh"))


@pytest.fixture(scope="session")
def half_failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A notebook that raises for one of two districts."""
    fragile = ROOT / "tests" / "notebooks" / "fragile.ipynb"
    chosen = ["--district", "990105", "--district", "990106", "--language", "zh", "--notebook", str(fragile)]
    told = ["run", "--data-dir", "data/example/synthetic", *chosen, "-p", "fails_at=990106"]
    return made_once("half_failed", tmp_path_factory, lambda folder: ohstats(folder, *told))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Three places with a quick notebook, not run yet."""
    from runs import Place

    return Place(tmp_path)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run the quick notebook in all places, or as told, in this process."""
    from runs import ran

    monkeypatch.setenv("OHSTATS_WORK", "")
    return lambda place, faults=None, **options: ran(place, faults, capfd, **options)


CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def needs_browser(item: pytest.Item) -> bool:
    """Whether a test opens pages: it asks for the fixture or carries the marker."""
    return "browser" in getattr(item, "fixturenames", ()) or item.get_closest_marker("browser") is not None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system, closed after each file; skipped where there is none (in CI that is a failure)."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield running
        running.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last in a file: while Playwright is up, its event loop is in the way of notebooks run in-process."""
    items.sort(key=needs_browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped browser test as a failure where CI=true."""
    report = yield
    if report.skipped and needs_browser(item) and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI a browser test may not be: {report.longrepr}"
    return report
