"""One function per section of a report: Data in, Result out; used by the notebooks and callable as they are."""

from .common import head_evaluation, head_trend, provenance
from .evaluation import context, evaluation_headline, evaluation_methods, target_figure, target_table
from .trend import case_figure, case_table, effort, sensitivity, trend_headline, trend_limits, trends

__all__ = [
    "case_figure",
    "case_table",
    "context",
    "effort",
    "evaluation_headline",
    "evaluation_methods",
    "head_evaluation",
    "head_trend",
    "provenance",
    "sensitivity",
    "target_figure",
    "target_table",
    "trend_headline",
    "trend_limits",
    "trends",
]
