"""Where things are: packaged notebooks, reference data and examples; the workspace that everything made goes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from . import files
from .errors import NotebookRefused, nearest

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
REFERENCE = PACKAGE / "reference"
TEMPLATE = PACKAGE / "template"


def _packaged(inside: str, beside: str) -> Path:
    """The copy inside an installed package, else the one in the repository."""
    installed = PACKAGE / inside
    return installed if installed.is_dir() else REPOSITORY / beside


@lru_cache(maxsize=1)
def package_digest() -> str:
    """Digest of the package as it is installed: code, words, reference data, templates and fonts."""
    return files.content_hash(PACKAGE)


def notebooks() -> Path:
    """Folder of the notebooks."""
    return _packaged("notebooks", "notebooks")


def examples() -> Path:
    """Folder of the example data sets, read-only."""
    return _packaged("example", "data/example")


def notebook(name: str) -> Path:
    """Path of a notebook: a packaged one by its name ("trend" or "2_trend") or any file by its path.

    Raises
    ------
    NotebookRefused
        There is no such notebook; the nearest names are listed.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    known = {each.stem: each for each in sorted(notebooks().glob("*.ipynb"))}
    wanted = name.removesuffix(".ipynb")  # a path that names a folder is meant as it stands
    for stem, each in known.items():
        if wanted in (stem, stem.split("_", 1)[-1]):
            return each
    raise NotebookRefused("No notebook '{name}'. There are: {known}.", name=name, known=nearest(name, known))


@dataclass(frozen=True)
class Workspace:
    """Folders of everything that is made; nothing is ever written beside the data or into the package."""

    root: Path

    @classmethod
    def at(cls, root: str | Path | None = None) -> Workspace:
        """The workspace at `root`, else at OHSTATS_WORK, else in the current folder."""
        return cls(Path(root or os.environ.get("OHSTATS_WORK") or ".").resolve())

    @property
    def work(self) -> Path:
        """Personal and intermediate data: never published, not in git."""
        return self.root / "data" / "work"

    @property
    def register(self) -> Path:
        """Append-only register of everything published."""
        return self.root / "data" / "register"

    def site(self, edition: str) -> Path:
        """Published site of an edition; the internal one has its own root."""
        return self.root / "reports" / ("site" if edition == "public" else "internal")

    def notes(self, edition: str) -> Path:
        """What people write about the reports of an edition; theirs, never changed by a run."""
        return self.root / "notes" / edition

    def clean(self, dataset: str) -> Path:
        """Clean tables, quarantine and audit of a data set."""
        return self.work / dataset / "clean"

    def protected(self, dataset: str, edition: str) -> Path:
        """Counts of a data set that an edition may open."""
        return self.work / dataset / "protected" / edition

    def executed(self, dataset: str, edition: str) -> Path:
        """Executed notebooks of a data set."""
        return self.work / dataset / "executed" / edition

    def pages(self, dataset: str, edition: str) -> Path:
        """Pages made from executed notebooks, before they are published."""
        return self.work / dataset / "pages" / edition

    def failed(self, dataset: str, edition: str) -> Path:
        """Notebooks that stopped with an error; they hold data and are never published."""
        return self.work / dataset / "failed" / edition
