"""Reference tables: a data set's own rows lie over the packaged ones, and what does not fit is refused with its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ohstats import reference
from ohstats.errors import FileRefused

if TYPE_CHECKING:
    from pathlib import Path


def test_own_rows_may_lack_columns_and_replace_those_of_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "indicators.csv").write_text(
        "indicator_id,name_en,measure\nreporting_units,Offices,count\nown,Mine,proportion\n", encoding="utf-8-sig"
    )
    rows = reference.table("indicators", tmp_path, key="indicator_id").set_index("indicator_id")
    assert rows.loc["own", ["name_en", "name_zh", "basis"]].tolist() == ["Mine", "", ""]
    assert rows.loc["reporting_units", "name_en"] == "Offices"
    assert rows.index.is_unique


def test_a_table_with_an_unknown_column_or_without_its_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "indicators.csv").write_text("indicator,name_en\nown,Mine\n", encoding="utf-8")
    with pytest.raises(
        FileRefused, match=r"indicators\.csv: columns indicator, indicator_id, measure do not fit; the table has "
    ):
        reference.table("indicators", tmp_path, key="indicator_id")


def test_names_fall_back_to_the_other_language() -> None:
    assert reference.name_of({"name_zh": "甲", "name_en": ""}, "en") == "甲"
    assert reference.name_of({"name_zh": "", "name_en": "A"}, "zh") == "A"
    assert reference.category_names("zh")["tumour"] == "职业性肿瘤"


def test_what_could_not_be_understood_later_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "breaks.csv").write_text(
        "place,first_period_after,kind,scope\n990001,2019,break,place\n990001,2020H1,brake,below\n", encoding="gb18030"
    )
    with pytest.raises(FileRefused) as refused:
        reference.table("breaks", tmp_path)
    assert str(refused.value) == (
        "breaks.csv: 2 problems.\n  row 3: kind 'brake' is none of break, note\n"
        "  row 3: first_period_after '2020H1' is not written as a number"
    )
    (tmp_path / "targets.csv").write_text(
        "indicator_id,comparator,jurisdiction_code,target_value\nx,>=,990001,95%\nx,>,990001,95\n", encoding="utf-8"
    )
    with pytest.raises(FileRefused) as refused:
        reference.table("targets", tmp_path)
    assert str(refused.value) == (
        "targets.csv: 2 problems.\n"
        "  row 3: comparator '>' is none of >=, <=, trend_falling, trend_rising, reference, qualitative, none\n"
        "  row 2: target_value '95%' is not written as a number"
    )
