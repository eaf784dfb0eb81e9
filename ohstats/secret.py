"""The key of the keyed hashes of persons."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .errors import ParameterRefused
from .paths import REPOSITORY


def place() -> Path:
    """Where the key lies, or will lie: at OHSTATS_SECRET, else in the user's own configuration."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(os.environ.get("OHSTATS_SECRET") or base / "ohstats" / "person_key").resolve()


def read() -> bytes:
    """The key of the keyed hashes of persons: at OHSTATS_SECRET, else in the user's own configuration; made when there is none.

    It lies outside the project, readable by its owner only. Without it no key of a person can be made again.

    Raises
    ------
    ParameterRefused
        It lies inside the project, others than its owner can open it, it is too short, or cannot be made.
    """
    path = place()
    if path.is_relative_to(REPOSITORY) and (REPOSITORY / "pyproject.toml").is_file():
        raise ParameterRefused(
            "The secret of the person keys may not lie in the project: set OHSTATS_SECRET to a file outside it."
        )
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(os.urandom(32))
        key = path.read_bytes()
        open_to_others = os.name == "posix" and path.stat().st_mode & 0o077
    except OSError as error:
        raise ParameterRefused("The secret of the person keys cannot be read or made: set OHSTATS_SECRET to a file.") from error
    if open_to_others:  # not mended in silence: it may have been read, and only its owner knows by whom
        raise ParameterRefused(
            "Others than you can open the secret of the person keys. Run: chmod 600 FILE (the file at OHSTATS_SECRET, else "
            "ohstats/person_key in your configuration); if someone may have read it, remove it instead: a new one is made."
        )
    if len(key) < 32:
        raise ParameterRefused("The secret of the person keys is shorter than 32 bytes: remove it, a new one is made.")
    return key if len(key) <= 64 else hashlib.sha256(key).digest()
