"""One function per section of a report: Data in, Result out; used by the notebooks and callable as they are."""

from .check import (
    check_agreement,
    check_audit,
    check_examinations,
    check_files,
    check_freshness,
    check_quarantine,
    check_silent,
    check_summary,
    head_check,
)
from .common import cover, head_evaluation, head_trend, provenance
from .evaluation import context, evaluation_headline, evaluation_methods, plan_course, target_figure, target_table
from .leagues import funnel_figure, funnel_table, league_cases, league_cases_figure, league_points, league_points_figure
from .overview import head_overview, movers, overview_headline, overview_map, overview_methods, status_matrix, sums
from .pooled import case_blocks, case_blocks_figure, case_categories, largest_group, pointer, summary
from .projects import clear_numbers, problems, project
from .quality import (
    check_completeness,
    check_consistency,
    check_heaping,
    check_limits,
    check_outliers,
    check_timeliness,
    check_uniqueness,
    check_validity,
)
from .trend import case_figure, case_table, effort, sensitivity, trend_headline, trend_limits, trends

__all__ = [
    "CHECK",
    "case_blocks",
    "case_blocks_figure",
    "case_categories",
    "case_figure",
    "case_table",
    "check_agreement",
    "check_audit",
    "check_completeness",
    "check_consistency",
    "check_examinations",
    "check_files",
    "check_freshness",
    "check_heaping",
    "check_limits",
    "check_outliers",
    "check_quarantine",
    "check_silent",
    "check_summary",
    "check_timeliness",
    "check_uniqueness",
    "check_validity",
    "clear_numbers",
    "context",
    "cover",
    "effort",
    "evaluation_headline",
    "evaluation_methods",
    "funnel_figure",
    "funnel_table",
    "head_check",
    "head_evaluation",
    "head_overview",
    "head_trend",
    "largest_group",
    "league_cases",
    "league_cases_figure",
    "league_points",
    "league_points_figure",
    "movers",
    "overview_headline",
    "overview_map",
    "overview_methods",
    "plan_course",
    "pointer",
    "problems",
    "project",
    "provenance",
    "sensitivity",
    "status_matrix",
    "summary",
    "sums",
    "target_figure",
    "target_table",
    "trend_headline",
    "trend_limits",
    "trends",
]

CHECK = (
    *(
        head_check,
        check_summary,
        check_files,
        check_quarantine,
        check_audit,
        check_completeness,
        check_validity,
        check_consistency,
    ),
    *(check_uniqueness, check_timeliness, check_silent, check_heaping, check_limits, check_outliers, check_agreement),
    *(check_examinations, check_freshness),
)
"""All sections of the data check, in their order."""
