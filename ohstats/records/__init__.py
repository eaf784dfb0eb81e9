"""Clean records to what stands above a single row: results against limits, annual doses, profiles of employers, links, counts."""

from __future__ import annotations

from .cases import chain, new_cases
from .derived import AGGREGATED, exceedances
from .doses import annual
from .employers import profile
from .links import linked
from .samples import judge
from .tallies import declared, plain, tally

__all__ = [
    "AGGREGATED",
    "annual",
    "chain",
    "declared",
    "exceedances",
    "judge",
    "linked",
    "new_cases",
    "plain",
    "profile",
    "tally",
]
