"""Counts of all places to protected Counts: what a public report may not show is hidden before anything is estimated."""

from .check import Leak, leaks
from .policy import BELOW_CITY, NOISE, RULES_VERSION, Policy
from .pooling import BY_REPORT_YEAR, POOLED
from .primary import hide_statistics, statistics
from .register import COLUMNS as REGISTER
from .register import append_register, read_register
from .step import EDITIONS, Protected, check_edition, protect, save

__all__ = [
    "BELOW_CITY",
    "BY_REPORT_YEAR",
    "EDITIONS",
    "NOISE",
    "POOLED",
    "REGISTER",
    "RULES_VERSION",
    "Leak",
    "Policy",
    "Protected",
    "append_register",
    "check_edition",
    "hide_statistics",
    "leaks",
    "protect",
    "read_register",
    "save",
    "statistics",
]
