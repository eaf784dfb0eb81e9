"""Clean records to what stands above a single row: results against limits, annual doses, profiles of employers, links, counts."""

from __future__ import annotations

from .cases import new_cases
from .doses import annual
from .employers import profile
from .links import linked
from .samples import judge
from .tallies import tally

__all__ = ["annual", "judge", "linked", "new_cases", "profile", "tally"]
