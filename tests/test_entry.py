"""Data dictionary and entry templates come from the declarations and agree with them and with reading."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import openpyxl
import pytest
from cards import TODAY, accounted, number
from conftest import ROOT

from ohstats import dictionary, entry, load, reference, schema
from ohstats.clean.words import FAMILY, NOTATION

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("quarantine", "change", "flag", "file", "warning", "check")
FILLED = {
    "card_id": "K1", "name": "张三", "id_number": number(3), "sex": "男", "birth_date": "1990-01-01",
    "employer_division": "320106",
    "disease_id": "矽肺", "stage": "壹期", "diagnosis_date": "2021-03-05", "exposure_years": "8.5", "tb_flag": "否",
    "report_type": "新病例", "report_date": "2021-03-10", "review_status": "终审",
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_data_dictionary_is_current(language: str) -> None:
    path = ROOT / "docs" / dictionary.NAMES[language]
    assert path.read_text(encoding="utf-8") == dictionary.markdown(language), "run: python -m ohstats dictionary --out docs"


def test_every_type_of_column_is_explained() -> None:
    assert set(dictionary.types("zh")) == set(schema.TYPES)


def test_expected_fields_and_measures_name_declared_columns() -> None:
    known = schema.tables()
    told = dictionary.measures()
    named = {(table, name) for table in told["expected"] for name in dictionary.expected(table)}
    named |= {(table, each["column"]) for table, those in told["only"].items() for each in those}
    named |= {(table, name) for table, each in told["judged"].items() for name in (*each["results"], each["limit"], each["flag"])}
    assert {(table, name) for table, name in named if name not in known[table].columns} == set()


@pytest.mark.parametrize("table", sorted(schema.tables()))
def test_an_empty_template_loads_as_an_empty_table_without_faults(tmp_path: Path, table: str) -> None:
    made = load(entry.save(table, tmp_path / f"{table}.xlsx"), table=table, today=TODAY)
    assert len(made.clean) == len(made.quarantine) == 0
    assert list(made.warnings["rule"]) == ["no_records"]
    assert set(made.audit["rule"]) <= {"no_records", "sheet", "header_row", "heading"}


def test_a_filled_row_of_a_template_comes_back_as_it_was_written(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(entry.save("disease_cards", tmp_path / "cards.xlsx"))
    sheet = book.worksheets[0]
    places = {name: place for place, name in enumerate(schema.table("disease_cards").columns, start=1)}
    for name, text in FILLED.items():
        sheet.cell(entry.HEADER_ROW + 1, places[name], text)
    book.save(tmp_path / "cards.xlsx")
    made = load(tmp_path / "cards.xlsx", table="disease_cards", identifiers="keep", today=TODAY)
    accounted(made, 1)
    (row,) = made.clean.to_dict("records")
    kept = {name: row[name] for name in FILLED}
    coded = {"sex": "1", "disease_id": "silicosis", "stage": "1", "tb_flag": False, "report_type": "new", "exposure_years": 8.5,
             "review_status": "final"}  # fmt: skip
    assert kept == FILLED | coded
    assert row["row"] == entry.HEADER_ROW + 1


def test_a_template_offers_lists_and_keeps_codes_as_text(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(entry.save("disease_cards", tmp_path / "cards.xlsx"))
    sheet, lists = book.worksheets
    rules = {str(rule.sqref).split(":")[0]: rule.formula1 for rule in sheet.data_validations.dataValidation}
    headings = {cell.value: cell.column_letter for cell in sheet[entry.HEADER_ROW]}
    sex = headings["性别"]
    place = re.fullmatch(r"'代码表'!\$([A-Z]+)\$2:\$\1\$3", rules[f"{sex}4"])
    assert place is not None
    assert [cell.value for cell in lists[place[1]][1:3]] == ["男", "女"]
    assert sheet.column_dimensions[headings["身份证件号码"]].number_format == "@"
    assert "*诊断日期" in headings
    assert "YYYY-MM-DD" in str(sheet.cell(2, 1 + list(schema.table("disease_cards").columns).index("diagnosis_date")).value)


# Reasons and rules ----------------------------------------------------------------------------------------------------
def told() -> set[tuple[str, str]]:
    return {(row["code"], row["kind"]) for row in reference.table("rules").to_dict("records")}


def emitted() -> set[str]:
    """Texts of the cleaning code that stand where a rule or reason stands."""
    found: set[str] = set()
    for path in (ROOT / "ohstats" / "clean").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                wanted = {
                    "lit": node.args,
                    "Note": node.args[:1],
                    "flag": node.args[:1],
                    "put": node.args[3:],
                    "_put": node.args[2:],
                }
                found |= {
                    arg.value for arg in wanted.get(name, []) if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:  # of lookups
                ends = [part for part in node.value.elts[1:] if isinstance(part, ast.Constant)]
                found |= {part.value for part in ends if isinstance(part.value, str)}
    return {text for text in found if re.fullmatch(r"[a-z][a-z_0-9]+", text)}


NO_CODES = {
    "true",
    "unknown",
    "file",
    "division",
    "report_year",
    "disease_id",
    "object",
    "yes",
    "fill_date",
    "report_date",
    "tab",
}


def test_every_rule_that_cleaning_can_emit_is_explained() -> None:
    assert emitted() - {code for code, _kind in told()} - NO_CODES == set()
    assert set(NOTATION) - {"separators"} <= {code for code, kind in told() if kind == "change"}


def test_every_reason_of_the_quarantine_is_explained() -> None:
    reasons = {code for code, kind in told() if kind == "quarantine"}
    families = {
        FAMILY.get(column.type, "*") for table in schema.tables().values() for column in table.columns.values() if column.counting
    }
    assert {f"{family}_{end}" for family in families for end in ("missing",)} <= reasons


def test_no_explanation_is_left_without_a_rule() -> None:
    whole = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ohstats").rglob("*.py"))
    computed = set(re.findall(r"code: (\w+)", (ROOT / "ohstats" / "reference" / "check.yml").read_text(encoding="utf-8")))
    generic = {"*_missing", "*_unknown", "correction *", "district_missing", "disease_missing", "date_missing"}
    assert {code for code, _kind in told() if f'"{code}"' not in whole} - computed <= generic
    assert {kind for _code, kind in told()} == set(KINDS)
