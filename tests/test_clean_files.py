"""Files: patterns F01 to F31 of the field, each with exactly its outcome."""

from __future__ import annotations

import datetime as dt
import io
import json
import pickle
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
import pytest
from cards import CANONICAL, GOOD, TODAY, accounted, as_csv, card, from_file

from ohstats import clean
from ohstats.errors import FileRefused

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.clean import Loaded

CARDS = [card(serial) for serial in range(1, 6)]
PEOPLE = [each["姓名"] for each in CARDS]


def notes(made: Loaded, rule: str) -> pd.DataFrame:
    return made.audit[made.audit["rule"] == rule]


def refusal(path: Path, content: bytes | str, *, encoding: str = "utf-8") -> str:
    with pytest.raises(FileRefused) as told:
        from_file(path, content, encoding=encoding)
    assert path.name in str(told.value)
    return str(told.value)


def workbook(path: Path, *sheets: tuple[str, list[list[object]]], **options: object) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    if options.get("since_1904"):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.save(path)
    return book


def rows_of(cards: list[dict[str, object]]) -> list[list[object]]:
    return [list(cards[0]), *(list(each.values()) for each in cards)]


def opened(path: Path) -> Loaded:
    made = clean.load(path, table="disease_cards", identifiers="keep", today=TODAY)
    accounted(made)
    return made


# Text -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gb18030", "gb18030"), ("utf-8-sig", "utf-8-sig"), ("utf-8", "utf-8"), ("utf-16", "utf-16-le"), ("utf-16-le", "utf-16-le")],
)
def test_f01_f02_f03_encoding_is_found_and_told(tmp_path: Path, encoding: str, name: str) -> None:
    cards = [*CARDS, card(6, 姓名="㐀𠮷", 用人单位名称="联通"), card(7, 姓名="买买提·艾力")]
    made = from_file(tmp_path / "cards.csv", as_csv(cards, "\t" if encoding == "utf-16" else ","), encoding=encoding)
    assert made.clean["name"].tolist() == [*PEOPLE, "㐀𠮷", "买买提·艾力"]
    assert notes(made, "encoding")["new"].tolist() == [name]
    assert made.clean["card_id"].tolist()[0] == CARDS[0]["报告卡编号"]


@pytest.mark.parametrize("swapped", [False, True])
def test_f04_two_encodings_in_one_file_are_refused_with_the_line(tmp_path: Path, swapped: bool) -> None:
    first, second = ("gb18030", "utf-8") if swapped else ("utf-8", "gb18030")
    lines = as_csv(CARDS).splitlines(keepends=True)
    mixed = "".join(lines[:3]).encode(first) + lines[3].encode(second) + "".join(lines[4:]).encode(first)
    assert "cards.csv, line 4: " in refusal(tmp_path / "cards.csv", mixed)


def test_f05_title_and_note_lines_stand_above_the_header(tmp_path: Path) -> None:
    made = from_file(tmp_path / "cards.csv", "2021年度职业病报告卡\r\n填报单位：某区疾控中心,,,\r\n\r\n" + as_csv(CARDS))
    assert made.clean["row"].tolist() == [5, 6, 7, 8, 9]
    assert notes(made, "header_row")["new"].tolist() == ["4"]


def test_f06_header_of_two_levels_loads_without_shifting(tmp_path: Path) -> None:
    upper = ["报告卡编号", "病人", "", "用人单位", "", "诊断", "", "报告日期"]
    lower = ["", "姓名", "性别", "名称", "所属地区", "病名", "日期", ""]
    body = [["K1", "张三", "男", "某公司", "320106", "矽肺", "2021-03-05", "2021-03-10"]]
    text = "\n".join(",".join(row) for row in [upper, lower, *body])
    row = from_file(tmp_path / "cards.csv", text).clean.iloc[0]
    assert (row["card_id"], row["name"], row["employer_name"], row["employer_division"]) == ("K1", "张三", "某公司", "320106")
    assert (row["disease_id"], row["diagnosis_date"], row["report_date"]) == ("silicosis", "2021-03-05", "2021-03-10")


def test_f07_f08_synonyms_and_decorations_of_headings_are_mapped(tmp_path: Path) -> None:
    text = as_csv(CARDS)
    for old, new in (
        ("身份证件号码", "身份证号"), ("诊断日期", "*确诊日期"), ("姓名", "姓  名"), ("性别", "性别（必填）"),
        ("专业工龄", '"专业\n工龄（年）"'), ("用人单位所属地区", "用人单位　地区编码："),
    ):  # fmt: skip
        text = text.replace(old, new, 1)
    made = from_file(tmp_path / "cards.csv", text)
    plain = from_file(tmp_path / "plain.csv", as_csv(CARDS))
    pd.testing.assert_frame_equal(made.clean.drop(columns=["file"]), plain.clean.drop(columns=["file"]))
    told = dict(notes(made, "heading")[["old", "new"]].to_numpy().tolist())
    assert told["身份证号"] == "id_number"
    assert told["*确诊日期"] == "diagnosis_date"
    assert told["专业 工龄(年)".replace("(", "（").replace(")", "）")] == "exposure_years"


def test_f09_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    turned = [dict(reversed(each.items())) for each in CARDS]
    made = from_file(tmp_path / "a.csv", as_csv(turned)).clean
    assert made["name"].tolist() == PEOPLE


@pytest.mark.parametrize("header", ["用人单位所属地区", "具体病名", "诊断日期"])
def test_f10_missing_counting_column_is_named(tmp_path: Path, header: str) -> None:
    cut = [{name: value for name, value in each.items() if name != header} for each in CARDS]
    told = refusal(tmp_path / "cards.csv", as_csv(cut))
    assert f"column {CANONICAL[header]} is missing" in told
    assert header in told


def test_f10_year_of_diagnosis_is_enough(tmp_path: Path) -> None:
    cut = [
        {("诊断年份" if name == "诊断日期" else name): value[:4] if name == "诊断日期" else value for name, value in each.items()}
        for each in CARDS
    ]
    made = from_file(tmp_path / "cards.csv", as_csv(cut)).clean
    assert made["diagnosis_year"].tolist() == [2021] * 5
    assert made["flags"].tolist() == ["date_partial"] * 5


def test_f11_heading_that_stands_twice_is_named(tmp_path: Path) -> None:
    lines = as_csv(CARDS).splitlines()
    twice = "\n".join([lines[0] + ",诊断日期", *(line + ",2021-03-05" for line in lines[1:])])
    assert "the heading 诊断日期 stands twice" in refusal(tmp_path / "cards.csv", twice)
    also = "\n".join([lines[0] + ",确诊日期", *(line + ",2021-03-05" for line in lines[1:])])
    assert "诊断日期, 确诊日期 mean the same column diagnosis_date" in refusal(tmp_path / "cards.csv", also)


def test_f12_extra_columns_are_told_and_not_carried_on(tmp_path: Path) -> None:
    made = from_file(tmp_path / "cards.csv", as_csv([{**each, "经办备忘": "秘密"} for each in CARDS]))
    assert notes(made, "extra_column")["old"].tolist() == ["经办备忘"]
    assert not made.clean.astype(str).isin(["秘密"]).any().any()


def test_f13_rows_of_another_width_go_to_the_quarantine(tmp_path: Path) -> None:
    lines = as_csv(CARDS).splitlines()
    lines[2], lines[4] = lines[2].replace("矽肺", "矽肺,壹期"), ",".join(lines[4].split(",")[:-2])
    made = from_file(tmp_path / "cards.csv", "\n".join(lines))
    assert made.quarantine[["row", "reason"]].values.tolist() == [[3, "fields"], [5, "fields"]]
    assert [json.loads(each)["line"] for each in made.quarantine["original"]] == [lines[2], lines[4]]
    assert made.clean["row"].tolist() == [2, 4, 6]


def test_f13_value_under_no_heading_tells_of_a_shift(tmp_path: Path) -> None:
    lines = [line + "," for line in as_csv(CARDS).splitlines()]
    lines[3] += "x"
    made = from_file(tmp_path / "cards.csv", "\n".join(lines))
    assert made.quarantine[["row", "reason"]].values.tolist() == [[4, "fields"]]


def test_f14_line_break_inside_a_quoted_cell_is_one_record(tmp_path: Path) -> None:
    cards = [CARDS[0], card(2, 用人单位名称="某某矿业\n有限公司"), CARDS[2]]
    made = from_file(tmp_path / "cards.csv", as_csv(cards))
    assert made.clean["employer_name"].tolist()[1] == "某某矿业有限公司"
    assert made.clean["row"].tolist() == [2, 3, 4]
    assert made.audit.loc[made.audit["rule"] == "line_break", "count"].tolist() == [1]


@pytest.mark.parametrize("place", [2, 5])
def test_f15_unclosed_quote_is_refused_with_its_line(tmp_path: Path, place: int) -> None:
    lines = as_csv(CARDS).splitlines()
    lines[place] = lines[place].replace("某某矿业", '"某某矿业')
    assert f"line {place + 1}: a double quote" in refusal(tmp_path / "cards.csv", "\n".join(lines))
    lines[-1] = lines[-1].replace("某市", '"某市"')
    if place == 2:
        assert "line 3: a double quote" in refusal(tmp_path / "cards.csv", "\n".join(lines))


def test_quote_inside_a_text_is_no_unclosed_quote(tmp_path: Path) -> None:
    lines = as_csv(CARDS).splitlines()
    lines[2] = lines[2].replace("某某矿业", '某5"管业')
    made = from_file(tmp_path / "cards.csv", "\n".join(lines))
    assert made.clean["employer_name"].tolist()[1] == '某5"管业有限公司'


@pytest.mark.parametrize(("delimiter", "name"), [(";", ";"), ("\t", "tab"), ("|", "|")])
def test_f16_other_delimiters_are_found_and_told(tmp_path: Path, delimiter: str, name: str) -> None:
    made = from_file(tmp_path / "cards.csv", as_csv(CARDS, delimiter))
    assert made.clean["name"].tolist() == PEOPLE
    assert notes(made, "delimiter")["new"].tolist() == [name]


@pytest.mark.parametrize(
    "start", ["<html><body><table>", "\ufeff <!DOCTYPE html><html>", "<table border=1>", "<meta charset=gb2312>"]
)
def test_f17_web_page_is_refused(tmp_path: Path, start: str) -> None:
    assert "web page" in refusal(tmp_path / "cards.xls", start + "<tr><td>1</td></tr></table>")


@pytest.mark.parametrize("content", [b"", b"\r\n \r\n", b"\xef\xbb\xbf"])
def test_f18_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path / "cards.csv", content) == "cards.csv is empty."


def test_f19_damaged_workbook_is_refused(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of(CARDS)))
    whole = (tmp_path / "cards.xlsx").read_bytes()
    assert "damaged" in refusal(tmp_path / "cut.xlsx", whole[: len(whole) // 2])
    middle = len(whole) // 3
    assert "damaged" in refusal(tmp_path / "hole.xlsx", whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert "damaged" in refusal(tmp_path / "old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))


def test_f20_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    assert "password" in refusal(tmp_path / "cards.xlsx", content)


def test_f21_header_alone_loads_with_a_warning(tmp_path: Path) -> None:
    made = from_file(tmp_path / "cards.csv", ",".join(GOOD) + "\r\n")
    assert made.rows == {"cards.csv": {"in": 0, "clean": 0, "quarantined": 0}}
    assert made.warnings["rule"].tolist() == ["no_records"]
    full = from_file(tmp_path / "full.csv", as_csv(CARDS)).clean
    assert list(made.clean.columns) == list(full.columns)


def bomb(path: Path, part: str, content: bytes, times: int) -> None:
    workbook(path, ("Sheet1", rows_of(CARDS)))
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, told in parts.items():
            if name == part:
                with new.open(name, "w", force_zip64=True) as file:
                    for _ in range(times):
                        file.write(content)
            else:
                new.writestr(name, told)


def test_f22_zip_bomb_is_refused_quickly_and_in_little_memory(tmp_path: Path) -> None:
    bomb(tmp_path / "cards.xlsx", "xl/worksheets/sheet1.xml", bytes(1 << 20), 300)
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(FileRefused, match="grows to more than 600 MB"):
        clean.load(tmp_path / "cards.xlsx", table="disease_cards")
    assert time.perf_counter() - started < 10
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_f22_zip_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cards.xlsx"
    bomb(path, "xl/worksheets/sheet1.xml", bytes(1 << 20), 300)
    size = (300 << 20).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(FileRefused, match="grows to more than 600 MB"):
        clean.load(path, table="disease_cards")


def test_f23_entities_in_a_sheet_are_refused(tmp_path: Path) -> None:
    lol = (
        b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><worksheet>&lol2;</worksheet>'
    )
    bomb(tmp_path / "cards.xlsx", "xl/worksheets/sheet1.xml", lol, 1)
    with pytest.raises(FileRefused, match="XML entities"):
        clean.load(tmp_path / "cards.xlsx", table="disease_cards")


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("the pickle was opened",))


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), b"\x7fELF" + bytes(100), b"MZ" + bytes(100), b"#!/bin/sh\nexit 1\n"])
def test_f24_programs_and_pickles_are_never_opened(tmp_path: Path, content: bytes) -> None:
    assert "program or a pickle" in refusal(tmp_path / "cards.csv", content)
    assert "program or a pickle" in refusal(tmp_path / "cards.pkl", as_csv(CARDS))


# Workbooks ------------------------------------------------------------------------------------------------------------
def typed(each: dict[str, str]) -> dict[str, object]:
    dates = ("出生日期", "开始接害日期", "诊断日期", "报告日期")
    made: dict[str, object] = {name: dt.date.fromisoformat(value) if name in dates else value for name, value in each.items()}
    return made | {"用人单位所属地区": int(each["用人单位所属地区"]), "专业工龄": float(each["专业工龄"])}


@pytest.mark.parametrize("since_1904", [False, True])
def test_f25_f26_typed_cells_and_both_date_systems(tmp_path: Path, since_1904: bool) -> None:
    workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of([typed(each) for each in CARDS])), since_1904=since_1904)
    made = opened(tmp_path / "cards.xlsx").clean
    plain = from_file(tmp_path / "cards.csv", as_csv(CARDS)).clean
    pd.testing.assert_frame_equal(made.drop(columns="file"), plain.drop(columns="file"))


def test_f26_serial_number_of_a_1904_workbook_counts_from_1904(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of([card(1, 诊断日期=44260 - 1462)])), since_1904=True)
    assert opened(tmp_path / "cards.xlsx").clean["diagnosis_date"].tolist() == ["2021-03-05"]


def test_typed_identity_number_is_damaged(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of([card(1, 身份证件号码=320106199001011238)])))
    assert opened(tmp_path / "cards.xlsx").clean["flags"].tolist() == ["no_person_key"]


def test_c54_error_cells_of_a_workbook_are_seen(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of([card(1, 诊断日期="#N/A"), card(2, 专业工龄="#VALUE!"), card(3)])))
    made = opened(tmp_path / "cards.xlsx")
    assert made.quarantine[["row", "reason"]].values.tolist() == [[2, "excel_error"]]
    assert notes(made, "excel_error")[["row", "column"]].values.tolist() == [[3, "exposure_years"]]


def test_f27_sheet_with_the_headings_is_read_wherever_it_stands(tmp_path: Path) -> None:
    book = workbook(
        tmp_path / "cards.xlsx", ("说明", [["填表说明"], ["一、……"]]), ("代码", [["代码", "名称"]]), ("数据", rows_of(CARDS))
    )
    assert notes(opened(tmp_path / "cards.xlsx"), "sheet")["new"].tolist() == ["数据"]
    book["数据"].sheet_state = "hidden"
    book.save(tmp_path / "hidden.xlsx")
    made = opened(tmp_path / "hidden.xlsx")
    assert made.clean["name"].tolist() == PEOPLE
    assert made.warnings["new"].tolist() == ["说明", "代码"]


def test_f28_merged_cells_are_filled_downwards_and_told_row_by_row(tmp_path: Path) -> None:
    book = workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of(CARDS)))
    sheet, column = book["Sheet1"], list(GOOD).index("用人单位名称") + 1
    sheet.merge_cells(start_row=2, end_row=4, start_column=column, end_column=column)
    sheet.cell(row=6, column=column).value = None
    book.save(tmp_path / "cards.xlsx")
    made = opened(tmp_path / "cards.xlsx")
    assert made.clean["employer_name"].fillna("-").tolist() == [GOOD["用人单位名称"]] * 4 + ["-"]
    assert notes(made, "merged_cell")[["row", "column", "new"]].values.tolist() == [
        [3, "employer_name", GOOD["用人单位名称"]], [4, "employer_name", GOOD["用人单位名称"]],
    ]  # fmt: skip


def test_f29_formatted_empty_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    book = workbook(tmp_path / "cards.xlsx", ("Sheet1", rows_of(CARDS)))
    for row in range(7, 3007):
        book["Sheet1"].cell(row=row, column=1).number_format = "@"
        book["Sheet1"].cell(row=row, column=2).value = " " if row == 3006 else None
    book.save(tmp_path / "cards.xlsx")
    told = opened(tmp_path / "cards.xlsx").rows["cards.xlsx"]
    assert (told["in"], told["clean"], told["blank"]) == (5, 5, 3000)


def test_f30_two_sheets_with_data_are_both_accounted_for(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", ("2020年", rows_of(CARDS[:2])), ("2021年", rows_of(CARDS[1:])))
    made = opened(tmp_path / "cards.xlsx")
    assert made.rows["cards.xlsx#2020年"] == {"in": 2, "clean": 2, "quarantined": 0}
    assert made.rows["cards.xlsx#2021年"] == {"in": 4, "clean": 3, "quarantined": 1}
    assert made.quarantine[["file", "row", "reason"]].values.tolist() == [["cards.xlsx#2021年", 2, "duplicate"]]


def test_f31_file_of_as_many_rows_as_a_sheet_can_hold_is_told(tmp_path: Path) -> None:
    header, row = "行政区划代码,年份,项目,事项\n", "320106,2021,p,x\n"
    path = tmp_path / "tasks.csv"
    for lines, told in ((65_535, ["possibly_truncated"]), (65_536, ["possibly_truncated"]), (65_534, [])):
        path.write_text(header + row * lines, encoding="utf-8")
        assert clean.load(path, table="tasks").warnings["rule"].tolist() == told


def test_export_with_title_rows_and_merged_cells_goes_through_without_configuration(tmp_path: Path) -> None:
    book = workbook(tmp_path / "导出.xlsx", ("Sheet1", [["2021年某区职业病报告卡"], ["导出时间：2021-12-31"], *rows_of(CARDS)]))
    sheet = book["Sheet1"]
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(GOOD))
    sheet.merge_cells(start_row=4, end_row=5, start_column=6, end_column=6)
    book.save(tmp_path / "导出.xlsx")
    made = opened(tmp_path / "导出.xlsx")
    assert made.clean["name"].tolist() == PEOPLE
    assert made.clean["employer_name"].notna().all()


def test_old_workbook_is_read(tmp_path: Path) -> None:
    """A BIFF workbook needs another writer: here only its refusal when it holds nothing."""
    stream = io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(508))
    with pytest.raises(FileRefused):
        from_file(tmp_path / "cards.xls", stream.getvalue())
