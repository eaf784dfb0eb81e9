"""The picture of the README: the first screen of a report page, drawn by Chromium from a site made with `make report`.

Usage: python tools/make_picture.py reports/site/en/100000_trend.html docs/report.png
Needs the test extra (playwright) and Chromium on the PATH.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(page: str, picture: str) -> None:
    """Open the page at 900 pixels wide and keep its first 860 pixels."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 900, "height": 860})
        tab.goto(Path(page).resolve().as_uri())
        tab.evaluate("document.fonts.ready.then(() => true)")
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
