"""The page that documents every indicator, made from the declarations; nothing in it is written twice."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import dictionary, files, records, reference
from .language import LANGUAGES
from .paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"en": "indicators.md", "zh": "indicators.zh.md"}


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Words of the page, in both languages."""
    told: dict[str, Any] = files.read_yaml(REFERENCE / "handbook.yml")
    return told


def write(folder: Path) -> list[Path]:
    """Write the page in both languages; returns its files."""
    made = [folder / NAMES[language] for language in LANGUAGES]
    for path, language in zip(made, LANGUAGES, strict=True):
        files.write_text(markdown(language), path)
    return made


def markdown(language: str) -> str:
    """All indicators by project as one page of Markdown, in "zh" or "en"."""
    w = words()
    parts = [f"# {w['title'][language]}", w["generated"][language], w["intro"][language].strip()]
    rows = reference.table("indicators").to_dict("records")
    told = {"goals": _goals(language), "defaults": files.read_yaml(REFERENCE / "findings.yml"), "counted": records.declared()}
    for project, name in w["projects"].items():
        mine = [_row(row, told, language) for row in rows if row["project"] == project]
        parts += [f"## {name[language]}", dictionary.as_table(w["header"][language], mine)]
    return "\n\n".join(parts) + "\n"


def _row(row: dict[str, str], told: dict[str, dict[str, Any]], language: str) -> list[str]:
    w, default = words(), told["defaults"].get(row["indicator_id"], {})
    limit = f"≥{default['below']}%" if "below" in default else f"≤{default['above']}%" if "above" in default else ""
    return [
        row["code"], reference.name_of(row, language), f"`{row['indicator_id']}`", w["aspects"][row["aspect"]][language],
        w["bases"][row["basis"]][language], w["counts"][row["counts"]][language], row[f"numerator_{language}"],
        row[f"denominator_{language}"] or w["counted"][language], _source(row, told["counted"], language),
        w["due"][row["due"]][language] if row["due"] else "", "; ".join(told["goals"].get(row["indicator_id"], [])), limit,
        row[f"rationale_{language}"], row[f"limits_{language}"], row["source"],
    ]  # fmt: skip


def _source(row: dict[str, str], counted: dict[str, dict[str, Any]], language: str) -> str:
    w, entry = words(), counted.get(row["indicator_id"])
    if row["cases_of"] or row["measure"] == "trend":
        return str(w["cases"][language])
    return str(w["records"][language].format(table=entry["table"]) if entry else w["given"][language])


def _goals(language: str) -> dict[str, list[str]]:
    """Targets of each indicator: value, years, place."""
    made: dict[str, list[str]] = {}
    for row in reference.table("targets").to_dict("records"):
        if row["comparator"] in (">=", "<="):
            years = "–".join(filter(None, [row["in_force_from"], row["in_force_to"]]))
            sign = {">=": "≥", "<=": "≤"}[row["comparator"]]
            place = reference.name_of(row, language, "jurisdiction")
            made.setdefault(row["indicator_id"], []).append(f"{sign}{row['target_value']}{row['unit']} ({years}, {place})")
    return made
