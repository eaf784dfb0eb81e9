"""Surveillance of occupational diseases: from raw exports to published district reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .check import open_check
    from .clean import clean_to, load
    from .data import open_data
    from .result import show

__all__ = ["clean_to", "load", "open_check", "open_data", "show"]


def __getattr__(name: str) -> object:
    """Import what notebooks use only when it is used: `import ohstats` stays quick."""
    homes = {"open_data": "data", "open_check": "check", "show": "result", "load": "clean", "clean_to": "clean"}
    if name in homes:
        return getattr(import_module(f".{homes[name]}", __name__), name)
    raise AttributeError(f"module 'ohstats' has no attribute {name!r}")
