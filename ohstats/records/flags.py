"""Flags of clean tables, where missing is a third value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def yes(flags: pd.Series[Any]) -> pd.Series[bool]:
    """Where a flag certainly says yes."""
    return flags.astype("boolean").fillna(False).astype(bool)
