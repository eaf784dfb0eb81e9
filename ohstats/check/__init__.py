"""The data check: what cleaning found and how good the records are, for the person who holds them; never published.

Each measure is a plain function of a `Check`: a small frame, and findings of one sentence each that say what to do next.
"""

from .accounting import audit, files, quarantine
from .agreement import cases, examinations
from .heaping import below_limit, digits
from .opened import Check, Finding, open_check, open_files
from .outliers import outliers
from .quality import completeness, consistency, uniqueness, validity
from .timeliness import freshness, silent_institutions, silent_places, silent_units, timeliness

__all__ = [
    "Check",
    "Finding",
    "audit",
    "below_limit",
    "cases",
    "completeness",
    "consistency",
    "digits",
    "examinations",
    "files",
    "freshness",
    "open_check",
    "open_files",
    "outliers",
    "quarantine",
    "silent_institutions",
    "silent_places",
    "silent_units",
    "timeliness",
    "uniqueness",
    "validity",
]
