"""Reference material that may not be committed: read where it is at hand, else the test is skipped with that reason."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(*parts: str) -> Path:
    base = Path(os.environ.get("OHSTATS_SHARED", ROOT.parent / "shared"))
    path = base.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference material that may not be committed is not at hand: {'/'.join(parts)}")
    return path
