"""Every requirement of the seed texts is answered by something that exists, and the tests that prove it exist too."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from ohstats import clean, dataset, paths, records, reference, sections

ROOT = Path(__file__).resolve().parent.parent
ROWS = pd.read_csv(ROOT / "docs" / "requirements.csv", dtype=str, keep_default_na=False)


def named(column: str) -> set[str]:
    return {each for cell in ROWS[column] for each in cell.split()}


def test_every_indicator_section_and_test_that_is_named_exists() -> None:
    written = {
        name for path in (ROOT / "tests").glob("*.py") for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert named("indicators") <= set(reference.table("indicators")["indicator_id"])
    assert named("sections") <= set(sections.__all__)
    assert named("tests") <= written


def test_each_row_is_answered_or_says_who_has_to() -> None:
    answered = (ROWS["indicators"] + ROWS["sections"] != "") & (ROWS["tests"] != "")
    assert (answered | (ROWS["remark"] != "")).all()
    assert answered.sum() >= 108


def test_what_is_said_to_be_proved_by_the_truth_of_the_city_is_in_it() -> None:
    truth = set(json.loads((paths.examples() / "synthetic" / "truth.json").read_text(encoding="utf-8"))["indicators"])
    proof = "test_indicators_counted_from_records_and_their_disagreements_are_those_of_the_truth"
    rows = ROWS[ROWS["tests"].str.contains(proof)]
    assert len(rows) > 40
    assert [row["number"] for row in rows.to_dict("records") if not set(row["indicators"].split()) & truth] == []


def test_the_numbers_are_those_of_the_texts() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    assert ROWS["number"].is_unique
    assert len(ROWS) == 125
    counts = ROWS["number"].str.split(".").str[0].value_counts().sort_index()
    assert counts.tolist() == [18, 28, 19, 25, 35]
    told = importlib.util.spec_from_file_location("make_requirements", ROOT / "tools" / "make_requirements.py")
    assert told is not None
    assert told.loader is not None
    module: Any = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    assert text == module.document(), "run: python tools/make_requirements.py"


def test_tasks_of_the_city_come_out_as_they_were_put_in() -> None:
    raw = pd.read_csv(paths.examples() / "synthetic" / "tasks.csv", dtype=str)
    cleaned = clean.clean_dataset(dataset.load(paths.examples() / "synthetic"))
    made = records.tally({"tasks": cleaned.tables["tasks"]}).set_index(["indicator_id", "place"])
    items = {
        "budget_execution": "经费",
        "drills_completion": "演练",
        "healthy_enterprises": "健康企业",
        "aides_trained_completion": "协管员",
    }
    for name, word in items.items():
        mine = raw[raw["事项"].str.contains(word)]
        for place, plan, done in zip(mine["地区编码"], mine["计划"].astype(float), mine["完成"].astype(float), strict=True):
            assert made.loc[(name, place), ["numerator", "denominator"]].tolist() == [done, plan]
