"""Surveillance of occupational diseases: from raw exports to published district reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .data import open_data
    from .result import show

__all__ = ["open_data", "show"]


def __getattr__(name: str) -> object:
    """Import what notebooks use only when it is used: `import ohstats` stays quick."""
    if name == "open_data":
        from .data import open_data

        return open_data
    if name == "show":
        from .result import show

        return show
    raise AttributeError(f"module 'ohstats' has no attribute {name!r}")
