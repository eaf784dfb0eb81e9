"""What all tests share: English messages, and a browser that may be missing on a desk but not in CI."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser

os.environ["OHSTATS_LANGUAGE"] = "en"  # error texts are tested word for word, whatever the desk's language
os.environ.setdefault("MPLBACKEND", "agg")

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system; the test is skipped where there is none (in CI that is a failure)."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield running
        running.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: while Playwright is up, its event loop is in the way of notebooks run in-process."""
    items.sort(key=needs_browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped browser test as a failure where CI=true."""
    report = yield
    if report.skipped and needs_browser(item) and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI a browser test may not be: {report.longrepr}"
    return report
