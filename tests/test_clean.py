"""Cleaning: no row is lost, none becomes a zero by mistake, every change and refusal is on record."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
import yaml
from datasets import CASES, PLACE, case_rows, table, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ohstats import counts, dataset, periods, reference
from ohstats.clean import Cleaned, clean_dataset
from ohstats.errors import FileRefused


def cleaned(folder: Path) -> Cleaned:
    return clean_dataset(dataset.load(folder))


def total(folder: Path, place: str = PLACE) -> dict[str, tuple[float | None, bool, str]]:
    """Period -> (count, hidden, note) of all new cases together."""
    made = dataset.load(folder)
    frame = counts.make(clean_dataset(made), made, reference.table("indicators", folder, key="indicator_id"))
    frame = frame[(frame["place"] == place) & (frame["key"] == "total") & (frame["measure"] == counts.NEW_CASES)]
    assert not frame.duplicated(counts.KEYS).any()
    return {
        row.period: (None if pd.isna(row.numerator) else row.numerator, bool(row.hidden), row.note) for row in frame.itertuples()
    }


def refusal(folder: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        cleaned(folder)
    return str(refused.value)


def reasons(folder: Path) -> dict[int, str]:
    return dict(cleaned(folder).quarantine[["row", "reason"]].itertuples(index=False, name=None))


# Rows ------------------------------------------------------------------------------------------------------------------
CELLS = {
    "place": st.sampled_from([PLACE, "990002", " 990001 ", "９９０００１", "99001", "", "990001\u200b", "甲县"]),
    "period": st.sampled_from(["2015", "2016", "2024", "２０１６", "2016H1", "2016-01..06", "2015..2016", "16", "", "2024 年"]),
    "year_basis": st.sampled_from(["diagnosis", "诊断", "DIAGNOSIS", "", "x"]),
    "key": st.sampled_from(["total", "全部职业病", "tumour", "Tumours", "", "tumor?"]),
    "group": st.sampled_from(["", "men", "women"]),
    "n": st.one_of(
        st.integers(0, 30).map(str), st.sampled_from(["", "*", "＊", "<5", "1,234", "3.0", "-1", "٣", "4.5", "1O", "1e3", "=1"])
    ),
    "provisional": st.sampled_from(["", "yes", "是", "maybe"]),
    "provenance": st.sampled_from(["page", "recalled", "rumour", ""]),
    "source": st.sampled_from(["", "a, b", 'say "x"', "两行\n文字", "=cmd()"]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), max_size=14)
PLACES = [(PLACE, "甲县", "Jia County", "county", ""), ("990002", "乙县", "Yi County", "county", "")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]), st.sampled_from(["\n", "\r\n"]))
def test_rows_in_are_rows_clean_plus_rows_in_quarantine(rows: list[dict[str, str]], encoding: str, ends: str) -> None:
    with TemporaryDirectory() as name:
        folder = write(Path(name), places=PLACES)
        text = table(CASES, rows).replace("\n", ends)
        (folder / "case_counts.csv").write_bytes(text.encode(encoding))
        found = cleaned(folder)
        numbers = found.rows["case_counts.csv"]
        assert numbers["in"] == len(rows) == numbers["clean"] + numbers["quarantined"]
        kept = [*found.tables["case_counts"]["row"], *found.quarantine["row"]]
        assert sorted(kept) == list(range(2, len(rows) + 2))
        assert (found.quarantine["reason"] != "").all()
        for original in found.quarantine["original"]:
            assert json.loads(original)["place"] in [row["place"] for row in rows]
        for place in (PLACE, "990002"):
            zeros = [period for period, figure in total(folder, place).items() if figure[2] == "covered, no row"]
            belonging = [row for row in rows for year in zeros if could_belong(row, place, year)]
            assert [row for row in belonging if row["n"] != "0"] == []


def could_belong(row: dict[str, str], place: str, year: str) -> bool:
    """Whether a raw row may be about a place and year, as far as its text can be read at all."""
    where, when = (unicodedata.normalize("NFKC", row[name]).strip(" \u200b") for name in ("place", "period"))
    if where != place and where in (PLACE, "990002"):
        return False
    if not periods.is_period(when):
        return True
    return periods.parse(when).first_year <= int(year) <= periods.parse(when).last_year


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"n": "-1"}, "n_unknown"),
        ({"n": "4.5"}, "n_unknown"),
        ({"n": "٣"}, "n_unknown"),
        ({"n": "1,23"}, "n_unknown"),
        ({"n": "12,3456"}, "n_unknown"),
        ({"period": "20l6"}, "date_invalid"),
        ({"period": ""}, "date_missing"),
        ({"place": "990009"}, "district_unknown"),
        ({"year_basis": "onset"}, "year_basis_unknown"),
        ({"key": "肺病"}, "key_unknown"),
        ({"key": "合计"}, "not_a_record"),
        ({"key": "", "n": "x"}, "key_missing;n_unknown"),
    ],
)
def test_a_row_that_cannot_be_counted_says_why_and_leaves_no_zero(tmp_path: Path, entry: dict[str, str], reason: str) -> None:
    row = case_rows({2016: 7})[0] | entry
    folder = write(tmp_path, cases=[row])
    assert reasons(folder) == {2: reason}
    assert total(folder)["2016"] == (None, False, "rows in quarantine")
    assert total(folder)["2017"][0] == (0 if entry.get("period") is None else None)  # a row of no year may belong to any


@pytest.mark.parametrize(
    ("text", "count", "hidden"),
    [
        *[(text, 7, False) for text in ("7", "７", " 7 ", "7.0", "07")],
        ("1,234", 1234, False),
        ("24,014,000", 24_014_000, False),
        *[(text, None, True) for text in ("*", "＊", "<5", "＜5", "< 5")],
    ],
)
def test_a_count_is_read_as_written_and_what_is_hidden_stays_hidden(tmp_path: Path, text: str, count: int, hidden: bool) -> None:
    found = total(write(tmp_path, cases=case_rows({2016: text})))
    assert found["2016"][:2] == (count, hidden)


def test_one_width_and_no_invisible_letters_in_codes(tmp_path: Path) -> None:
    row = case_rows({"\u200b２０１６ ": " 7\ufeff"}, "９９０００１\u200b", key="Ｔｏｔａｌ")
    assert total(write(tmp_path, cases=row))["2016"] == (7, False, "")


def test_zero_gap_and_hidden_are_told_apart(tmp_path: Path) -> None:
    found = total(write(tmp_path, cases=case_rows({2015: 0, 2016: "", 2017: "*", 2018: {"n": "", "note": "register burnt"}})))
    assert [found[year] for year in ("2015", "2016", "2017", "2018", "2019")] == [
        (0, False, ""), (None, False, "declared gap"), (None, True, ""), (None, False, "register burnt"),
        (0, False, "covered, no row"),
    ]  # fmt: skip


def test_the_same_again_is_a_duplicate_and_another_figure_a_conflict(tmp_path: Path) -> None:
    rows = case_rows({2015: 5, 2016: 6}) + case_rows({2015: 5, 2016: 7}) + case_rows({2015: 5})
    folder = write(tmp_path, cases=rows)
    assert reasons(folder) == {3: "conflict", 4: "duplicate", 5: "conflict", 6: "duplicate"}
    assert (total(folder)["2015"][0], total(folder)["2016"][0]) == (5, None)


def test_one_period_written_in_two_ways_is_one_period(tmp_path: Path) -> None:
    folder = write(tmp_path, cases=case_rows({"2016H1": 5, "2016-01..06": 6, "2017-01..12": 9}))
    assert set(reasons(folder).values()) == {"conflict"}
    assert total(folder)["2017"][0] == 9


# Coverage --------------------------------------------------------------------------------------------------------------
def test_a_year_known_in_parts_only_is_not_0(tmp_path: Path) -> None:
    rows = case_rows({"2015H1": 3, "2016H1": 0}) + case_rows({2017: 4, 2018: 0}, key="pneumoconiosis")
    rows += case_rows({2019: "*"}, key="acute_poisoning") + case_rows({"2020..2021": 6})
    found = total(write(tmp_path, cases=rows))
    assert {year: found[year][2] for year in ("2015", "2016", "2017", "2018", "2019", "2020", "2021", "2022")} == {
        "2015": "only parts known", "2016": "only parts known", "2017": "only parts known", "2018": "covered, no row",
        "2019": "only parts known", "2020": "only parts known", "2021": "only parts known", "2022": "covered, no row",
    }  # fmt: skip


def test_a_city_is_not_0_where_one_of_its_districts_has_cases(tmp_path: Path) -> None:
    places = [("990100", "", "City", "city", ""), ("990101", "", "District", "county", "990100")]
    folder = write(tmp_path, places=places, cases=case_rows({2015: 9, 2016: 0}, "990101"))
    city = total(folder, "990100")
    assert (city["2015"], city["2016"]) == ((None, False, "only parts known"), (0, False, "covered, no row"))


def test_a_cover_of_part_of_a_year_says_nothing_about_the_whole_year(tmp_path: Path) -> None:
    assert set(total(write(tmp_path, periods="2024-01..09"))) == {"2024-01..09"}


def test_covers_may_overlap(tmp_path: Path) -> None:
    cover = {"table": "case_counts", "places": "all", "year_basis": "diagnosis", "keys": ["total"]}
    folder = write(tmp_path, covers=[cover | {"periods": "2015..2018"}, cover | {"periods": "2018..2020"}])
    assert sorted(total(folder)) == [str(year) for year in range(2015, 2021)]


def test_rows_outside_the_cover_are_refused_with_the_lines_to_add_and_those_lines_work(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2009: 4, 2010: 5, 2013: 6, 2015: 7, "2025H1": 1}), periods="2015..2024")
    message = refusal(folder)
    assert message.splitlines() == [
        "a/dataset.yml: case_counts.csv has rows that it does not cover.",
        '  add to covers: {table: case_counts, places: ["990001"], periods: 2009..2010, year_basis: diagnosis, keys: [total]}',
        '  add to covers: {table: case_counts, places: ["990001"], periods: 2013, year_basis: diagnosis, keys: [total]}',
        '  add to covers: {table: case_counts, places: ["990001"], periods: 2025, year_basis: diagnosis, keys: [total]}',
    ]
    told = yaml.safe_load((folder / "dataset.yml").read_text(encoding="utf-8"))
    told["covers"] += [yaml.safe_load(line.split(": ", 1)[1]) for line in message.splitlines()[1:]]
    (folder / "dataset.yml").write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    found = total(folder)
    assert {year: found[year][0] for year in ("2009", "2010", "2013", "2025")} == {"2009": 4, "2010": 5, "2013": 6, "2025": None}
    assert "2011" not in found


def test_a_covered_table_without_a_file_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    (folder / "case_counts.csv").unlink()
    assert refusal(folder) == "case_counts.csv cannot be read. The folder a holds: dataset.yml, places.csv."


def test_tables_without_rows_make_empty_counts(tmp_path: Path) -> None:
    cover = {"table": "indicator_values", "places": "all", "periods": "2015..2024"}
    folder = write(tmp_path, values=[("reporting_units", "990009", 2020, 1, "")], covers=[cover])
    assert total(folder) == {}


# Files -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_headers_in_the_encodings_of_spreadsheets_are_understood(tmp_path: Path, encoding: str) -> None:
    folder = write(tmp_path)
    text = "行政区划代码,年份,口径,病种,例数,暂定,来源,,\r\n990001,2016年,诊断年,全部职业病,１２,是,通报（第1期）,,\r\n"
    (folder / "case_counts.csv").write_bytes(text.replace("2016年", "2016").encode(encoding))
    found = cleaned(folder).tables["case_counts"].iloc[0]
    assert found[["place", "period", "year_basis", "key", "n", "provisional", "source"]].tolist() == [
        "990001", "2016", "diagnosis", "total", 12, True, "通报（第1期）",
    ]  # fmt: skip


HEAD = b"place,period,year_basis,key,n"
MIXED = (
    "case_counts.csv, line 2: this line is in another encoding than those above (UTF-8 and GB18030 mixed, or damaged). "
    "Export it again in one encoding."
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "case_counts.csv is empty."),
        (b"place,place,n,period,year_basis,key\n",
         "case_counts.csv: the header does not fit the table case_counts.\n  the heading place stands twice"),
        (HEAD + b',note\n990001,2016,diagnosis,total,1,"never closed\n990001,2017,diagnosis,total,5,\n',
         "case_counts.csv, line 2: a double quote is opened and not closed. Close it, or take it out."),
        (HEAD + b"\n990001,2016,diagnosis,\xff\xff\xff,1\n",
         MIXED),
    ],
    ids=["empty", "twice", "quote", "bytes"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_as_it_says_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write(tmp_path)
    (folder / "case_counts.csv").write_bytes(content)
    assert refusal(folder) == message


@pytest.mark.parametrize("row", [b"990001,2016,diagnosis,total,1,7", b"990001,2016,diagnosis,total"])
def test_a_row_of_another_width_leaves_no_zero(tmp_path: Path, row: bytes) -> None:
    folder = write(tmp_path)
    (folder / "case_counts.csv").write_bytes(HEAD + b"\n" + row + b"\n")
    assert reasons(folder) == {2: "fields"}
    assert total(folder)["2017"] == (None, False, "rows in quarantine")


def test_all_columns_that_are_missing_or_meant_twice_are_named_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "case_counts.csv").write_text("place,地区编码,period,year_basis,key\n", encoding="utf-8")
    assert refusal(folder).splitlines() == [
        "case_counts.csv: the header does not fit the table case_counts.",
        "  column n is missing; headers understood: n, 例数, 病例数, 新发病例数, 新病例数, cases, count",
        "  the headings place, 地区编码 mean the same column place",
    ]


def test_columns_of_ones_own_do_no_harm(tmp_path: Path) -> None:
    folder = write(tmp_path)
    header = "place,period,year_basis,key,n,reason,twice,n_hidden,n!"
    (folder / "case_counts.csv").write_text(f"{header}\n990001,2016,diagnosis,total,4,x,conflict,True,True\n", encoding="utf-8")
    assert total(folder)["2016"] == (4, False, "")


def test_changes_and_blanked_values_stand_in_the_audit(tmp_path: Path) -> None:
    rows = case_rows({2016: {"n": "７", "provenance": "rumour", "source": "（１）"}})
    audit = cleaned(write(tmp_path, cases=rows)).audit
    audit = audit.loc[audit["kind"] == "change", ["row", "rows", "column", "rule", "old", "new"]].fillna(0)
    assert audit.to_numpy().tolist() == [
        [0, "2", "n", "number_notation", "７", "7"], [2, "", "provenance", "not_in_list", "rumour", ""],
    ]  # fmt: skip


# Corrections -----------------------------------------------------------------------------------------------------------
CELL = {"table": "case_counts", "row": 2, "column": "n", "from": "1O", "to": 10, "reason": "letter O"}
BLOCK = {"table": "case_counts", "where": {"period": 2016}, "column": "period", "to": 2017, "expect_rows": 1, "reason": "label"}
SWAP = {"table": "case_counts", "where": {"period": "2018"}, "swap": {"column": "group", "values": ["men", "women"]},
        "expect_rows": 2, "reason": "exchanged"}  # fmt: skip
FAULTY = [
    *case_rows({2015: "1O", 2016: 6}),
    *(row | {"group": group} for group in ("men", "women") for row in case_rows({2018: len(group)})),
]


def corrected(folder: Path, entries: Any) -> Path:
    write(folder, cases=FAULTY)
    (folder / "corrections.yml").write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")
    return folder


def test_corrections_change_what_they_name_and_stand_in_the_audit(tmp_path: Path) -> None:
    empty = CELL | {"row": 3, "from": 6, "to": None, "reason": "not a figure"}
    found = cleaned(corrected(tmp_path, [CELL, BLOCK, SWAP, empty]))
    frame = found.tables["case_counts"].set_index("row")
    assert frame["n"].isna().tolist() == [False, True, False, False]
    assert (frame.loc[2, "n"], frame.loc[3, "period"], frame.loc[4, "group"], frame.loc[5, "group"]) == (
        10,
        "2017",
        "women",
        "men",
    )
    changes = found.audit[found.audit["kind"] == "change"]
    assert changes["rule"].tolist() == [f"correction {number}" for number in (2, 3, 3, 1, 4)]


SHAPE = "row and expect_rows are whole numbers, where names columns, swap holds column and two values"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (CELL | {"from": "10"}, "row 2 no longer holds the value expected in n"),
        (CELL | {"row": 99}, "the file has no row 99"),
        (CELL | {"column": "wrong"}, "the table has no column wrong"),
        (BLOCK | {"expect_rows": 3}, "1 rows match, 3 were expected"),
        (CELL | {"status": "done"}, "status must be one of open, reported, fixed_at_source"),
        (CELL | {"row": "two"}, SHAPE),
        (BLOCK | {"where": "2016"}, SHAPE),
        (SWAP | {"swap": {"column": "group"}}, SHAPE),
        (CELL | {"table": "cases"}, "it names no table of the data set; there are case_counts"),
        ("n: 10", "it names no table of the data set; there are case_counts"),
    ],
)  # fmt: skip
def test_a_correction_that_no_longer_fits_stops_everything(tmp_path: Path, entry: Any, problem: str) -> None:
    folder = corrected(tmp_path, [SWAP, entry])
    assert refusal(folder).splitlines() == [
        "corrections.yml: 1 corrections do not fit; nothing was written.", f"  correction 2: {problem}",
    ]  # fmt: skip
