"""The data dictionary: what each table may hold, made from the declarations; nothing in it is written twice."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from . import codes, files, reference, schema
from .language import LANGUAGES
from .paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from .schema import Column, Table

NAMES = {"en": "data_dictionary.md", "zh": "data_dictionary.zh.md"}
_MOST = 12  # entries of a list that are named


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Words of the dictionary and of the entry templates, in both languages."""
    told: dict[str, Any] = yaml.safe_load((REFERENCE / "dictionary.yml").read_text(encoding="utf-8"))
    return told


@lru_cache(maxsize=1)
def measures() -> dict[str, Any]:
    """What the data check measures: expected fields, limits and rules of `reference/check.yml`."""
    told: dict[str, Any] = yaml.safe_load((REFERENCE / "check.yml").read_text(encoding="utf-8"))
    return told


def expected(table: str) -> dict[str, str]:
    """Fields that a record of a table should have, each with the column that says for which records ("" = all)."""
    told = measures()["expected"].get(table, {})
    found = dict.fromkeys(told.get("fields", []), "")
    return found | {name: where for where, names in told.get("where", {}).items() for name in names}


def types(language: str) -> dict[str, tuple[str, str]]:
    """Name of each type of column and how it is filled in."""
    rows = reference.table("column_types").to_dict("records")
    return {row["type"]: (reference.name_of(row, language), reference.name_of(row, language, "how")) for row in rows}


def entries(column: Column, language: str, own: Path | None = None) -> list[str]:
    """What may be chosen for a column: names of its list in force, its choices, yes and no; empty where anything may stand."""
    if column.type == "choice":
        return [(texts[0] if texts and language == "zh" else key) for key, texts in column.choices.items()]
    if column.type == "category":
        return list(reference.category_names(language).values())
    name = {"disease": "diseases", "industry": "industries", "division": "divisions"}.get(column.type, column.list)
    if not name:
        return []
    rows = codes.table(name, own)
    rows = rows[(rows["valid_to"] == "") & ~rows["code"].isin(column.missing)]
    return list(dict.fromkeys(reference.name_of(row, language) for row in rows.to_dict("records")))


def write(folder: Path) -> list[Path]:
    """Write the dictionary in both languages; returns its files."""
    made = [folder / NAMES[language] for language in LANGUAGES]
    for path, language in zip(made, LANGUAGES, strict=True):
        files.write_text(markdown(language), path)
    return made


def markdown(language: str) -> str:
    """The whole dictionary as one page of Markdown, in "zh" or "en"."""
    w = words()
    parts = [f"# {w['title'][language]}", w["generated"][language], w["intro"][language].strip()]
    for table in schema.tables().values():
        parts += _table(table, language)
    rows = [[f"`{kind}`", *told] for kind, told in types(language).items()]
    parts += [f"## {w['types'][language]}", as_table(w["types_header"][language], rows)]
    return "\n\n".join([*parts, f"## {w['reasons'][language]}", _reasons(language)]) + "\n"


def _reasons(language: str) -> str:
    w = words()
    rows = [
        [
            f"`{row['code']}`",
            w["reason_kinds"][row["kind"]][language],
            reference.name_of(row, language),
            reference.name_of(row, language, "what_to_do"),
        ]
        for row in reference.table("rules").to_dict("records")
    ]
    return as_table(w["reasons_header"][language], rows)


def _table(table: Table, language: str) -> list[str]:
    w = words()
    titles = {"zh": table.title_zh, "en": table.title_en}
    facts = [
        (w["kind"], w["kinds"][table.kind][language]), (w["form"], table.form),
        (w["place"], table.place), (w["date"], table.date),
        (w["key"], ", ".join(table.key)), (w["same"], ", ".join(table.same)), (w["possible"], ", ".join(table.possible)),
    ]  # fmt: skip
    lines = [f"- {name[language]}: {value}" for name, value in facts if value]
    lines += [f"- {w['checks'][language]}: {_check(check, language)}" for check in table.checks]
    wanted, kinds = expected(table.name), types(language)
    rows = [_row(column, wanted, kinds, language) for column in table.columns.values()]
    return [f"## `{table.name}`: {titles[language]}", "\n".join(lines), as_table(w["header"][language], rows)]


def _check(check: dict[str, Any], language: str) -> str:
    first, *others = check["columns"]
    return str(words()["rules"][check["rule"]][language].format(first=first, others=", ".join(others)))


def _row(column: Column, wanted: dict[str, str], kinds: dict[str, tuple[str, str]], language: str) -> list[str]:
    w = words()
    marks = {name: getattr(column, name) for name in ("required", "counting", "personal", "employer")}
    marks["expected"] = column.name in wanted
    demands = [w["demands"][name][language] for name in w["demands"] if marks[name]]
    if wanted.get(column.name):
        demands[demands.index(w["demands"]["expected"][language])] += f" ({wanted[column.name]})"
    told = [column.note] if column.note else []
    told += [w["assume"][language].format(value=column.assume)] if column.assume else []
    name = f"`{column.list}`: " if column.list else ""
    return [
        f"`{column.name}`", column.headers[0] if column.headers else "", ", ".join(column.headers[1:]), kinds[column.type][0],
        name + short(entries(column, language), language), " ".join(filter(None, [column.unit, span(column)])),
        ", ".join(demands), "; ".join(told),
    ]  # fmt: skip


def short(names: list[str], language: str) -> str:
    """The first entries of a list and how many there are."""
    told = ", ".join(names[:_MOST])
    return f"{told}, {words()['more'][language].format(n=len(names))}" if len(names) > _MOST else told


def span(column: Column) -> str:
    """Declared range of a number."""
    low, high = ("" if value is None else f"{value:g}" for value in (column.min, column.max))
    return f"{low}\u2013{high}" if low or high else ""


def as_table(header: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    told = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in told)
