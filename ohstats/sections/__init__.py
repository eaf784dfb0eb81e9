"""One function per section of a report: Data in, Result out; used by the notebooks and callable as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accounts import accounting, disagreements, late_cards
from .actions import action_assistance, action_declaration, action_institutions, action_pairs
from .breakdown import by_groups, pass_rate_change
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
from .course import case_figure, case_table, reconciliation, sensitivity, trend_headline, trends
from .detection import effort, split_figure, split_table
from .diseases import catalogues, disease_figure, disease_single, disease_table, disease_trends, unusual
from .duties import (
    data_quality,
    duties,
    duties_townships,
    patients,
    patients_insurance,
    spot_check,
    supervision,
    supervision_risk,
)
from .evaluation import context, evaluation_headline, evaluation_methods, plan_course, target_figure, target_table
from .leagues import funnel_figure, funnel_table, league_cases, league_cases_figure, league_points, league_points_figure
from .loop import loop, loop_figure
from .methods import trend_limits, trend_methods
from .outlook import before_after, bends, borrowed_trend, fall_facts, outlook
from .overview import head_overview, movers, overview_headline, overview_map, overview_methods, status_matrix, sums
from .people import acute_events, living_patients, short_exposure, suspected_to_confirmed, where, where_figure, who
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
from .worklists import worklists

if TYPE_CHECKING:
    from ..data import Data
    from ..result import Result

__all__ = [
    "CHECK", "accounting", "action_assistance", "action_declaration", "action_institutions", "action_pairs", "acute_events",
    "before_after", "bends", "borrowed_trend", "by_groups", "case_blocks", "case_blocks_figure", "case_categories",
    "case_figure", "case_table", "catalogues", "check_agreement", "check_audit", "check_completeness", "check_consistency",
    "check_examinations", "check_files", "check_freshness", "check_heaping", "check_limits", "check_outliers",
    "check_quarantine", "check_silent", "check_summary", "check_timeliness", "check_uniqueness", "check_validity",
    "clear_numbers", "context", "cover", "data_quality", "disagreements", "disease_figure", "disease_single", "disease_table",
    "disease_trends", "duties", "duties_townships", "effort", "evaluation_headline", "evaluation_methods", "fall_facts",
    "funnel_figure", "funnel_table", "head_check", "head_evaluation", "head_overview", "head_trend", "largest_group",
    "late_cards", "league_cases", "league_cases_figure", "league_points", "league_points_figure", "living_patients", "loop",
    "loop_figure", "movers", "outlook", "overview_headline", "overview_map", "overview_methods", "pass_rate_change",
    "patients", "patients_insurance", "plan_course", "pointer", "problems", "project", "provenance", "reconciliation",
    "sensitivity", "short_exposure", "split_figure", "split_table", "spot_check", "status_matrix", "summary", "sums",
    "supervision", "supervision_risk", "suspected_to_confirmed", "target_figure", "target_table", "trend_headline",
    "trend_limits", "trend_methods", "trends", "unusual", "where", "where_figure", "who", "worklists",
]  # fmt: skip

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

TREND = (
    *(head_trend, cover, trend_headline, case_figure, case_table, reconciliation, late_cards, case_blocks_figure, case_blocks),
    *(trends, fall_facts, borrowed_trend, sensitivity, bends, effort, split_figure, split_table),
    *(disease_table, disease_figure, case_categories, disease_single, disease_trends, catalogues),
    *(short_exposure, who, where_figure, where),
    *(largest_group, summary, pointer, before_after, unusual, acute_events, outlook, suspected_to_confirmed, living_patients),
    *(trend_methods, trend_limits, accounting, provenance),
)
"""All sections of the trend report, in their order."""


def trend(data: Data) -> list[Result]:
    """The whole trend report of a place, section by section, as its notebook shows it; sections that do not apply are empty.

    Parameters
    ----------
    data : Data
        From `open_data`.
    """
    return [section(data) for section in TREND]
