"""The key of the keyed hashes of persons."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..errors import ParameterRefused
from ..paths import REPOSITORY


def read() -> bytes:
    """The key of the keyed hashes of persons: at OHSTATS_SECRET, else in the user's own configuration; made when there is none.

    It lies outside the project, readable by its owner only. Without it no key of a person can be made again.

    Raises
    ------
    ParameterRefused
        It lies inside the project, is too short, or cannot be made.
    """
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = Path(os.environ.get("OHSTATS_SECRET") or base / "ohstats" / "person_key").resolve()
    if path.is_relative_to(REPOSITORY) and (REPOSITORY / "pyproject.toml").is_file():
        raise ParameterRefused(
            "The secret of the person keys may not lie in the project: set OHSTATS_SECRET to a file outside it."
        )
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(os.urandom(32))
        key = path.read_bytes()
    except OSError as error:
        raise ParameterRefused("The secret of the person keys cannot be read or made: set OHSTATS_SECRET to a file.") from error
    if len(key) < 32:
        raise ParameterRefused("The secret of the person keys is shorter than 32 bytes: remove it, a new one is made.")
    return key if len(key) <= 64 else hashlib.sha256(key).digest()
