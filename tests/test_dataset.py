"""What a data set says of itself: all faults of a file at once, nothing guessed, nothing else taken in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from datasets import write

from ohstats import dataset, schema
from ohstats.errors import FileRefused, ParameterRefused

if TYPE_CHECKING:
    from pathlib import Path

COVER = {"table": "case_counts", "places": "all", "periods": "2015..2024", "year_basis": "diagnosis", "keys": ["total"]}


def refusal(folder: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        dataset.load(folder)
    return str(refused.value)


def test_all_faults_of_the_description_are_named_at_once(tmp_path: Path) -> None:
    covers = [
        COVER | {"places": ["990009"], "keys": ["totl"], "year_basis": ""},
        {"table": "case_counts", "periods": "2015..2024"},
        COVER | {"table": "cases"},
        COVER | {"periods": "2024..2015"},
        COVER | {"keys": "total"},
        COVER | {"places": "990001"},
        "case_counts",
    ]
    folder = write(
        tmp_path / "bad", id="Bad Name", tilte="x", synthetic="no", published={"publisher": "x", "title": ""}, covers=covers
    )
    known = "covers, data_date, disclosure, id, published, publisher_en, publisher_zh, synthetic, title_en, title_zh"
    needs = "table, places (all or a list of codes) and periods are needed; keys are a list"
    assert refusal(folder).splitlines() == [
        "bad/dataset.yml: 13 problems.",
        f"  unknown entry 'tilte'; known are {known}",
        "  'id' must be a short name of small letters, digits, - and _",
        "  covers, entry 1: 990009 not in places.csv",
        "  covers, entry 1: no category totl",
        "  covers, entry 1: year_basis must be one of report, diagnosis",
        f"  covers, entry 2: {needs}",
        f"  covers, entry 3: no table 'cases'; there are {', '.join(schema.tables())}",
        *[f"  covers, entry {number}: {needs}" for number in (4, 5, 6, 7)],
        "  'published' needs publisher, title and date",
        "  'synthetic' must be true or false, without quotes",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: [a", "bad/dataset.yml, line 1: this is not valid YAML."),
        ("- a", "it must hold entries like 'id: name'"),
        ("id: small", "'covers' must list which table covers which places and periods"),
        ("id: small\ncovers: 5", "'covers' must list which table covers which places and periods"),
    ],
)
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write(tmp_path / "bad")
    (folder / "dataset.yml").write_text(text, encoding="utf-8")
    assert message.removeprefix("bad/") in refusal(folder)


def test_all_faults_of_the_places_are_named_at_once_in_chinese_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    (folder / "places.csv").write_text(
        "code,name_zh,name_en,level,parent\n990001,甲,A,county,\n990001,乙,B,village,99000\n012345,丙,C,city,\n", encoding="utf-8"
    )
    assert refusal(folder).splitlines() == [
        "places.csv: 4 problems.",
        "  row 3: level 'village' is none of nation, province, city, county, zone",
        "  row 3: parent '99000' is not six digits without a leading zero",
        "  row 4: code '012345' is not six digits without a leading zero",
        "  row 3: this code stands in an earlier row",
    ]
    monkeypatch.setenv("OHSTATS_LANGUAGE", "zh")
    assert refusal(folder).splitlines()[0] == "places.csv：4 处问题。"


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "bare")
    (folder / "places.csv").unlink()
    assert refusal(folder) == "places.csv cannot be read. The folder bare holds: case_counts.csv, dataset.yml."


@pytest.mark.parametrize("name", ["data/example/china", "china"])
def test_a_packaged_example_is_found_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dataset.load(name).id == "china"


@pytest.mark.parametrize("name", ["/data/real/china", "real/china", "data/example/chinn"])
def test_a_folder_that_is_not_there_is_never_replaced_by_an_example(name: str) -> None:
    assert refusal(name) == (  # type: ignore[arg-type]
        f"No data set in {name}: there is no file dataset.yml. Packaged examples: data/example/china, data/example/synthetic."
    )


def test_a_place_without_a_report_is_refused_with_those_that_have_one() -> None:
    china = dataset.load("data/example/china")
    with pytest.raises(ParameterRefused) as refused:
        china.place("110000")  # in places.csv, with context figures only
    assert str(refused.value) == "No place '110000' in data set china. There are: 100000 中国 China."
    assert china.place(100000)["name_en"] == "China"  # the papermill command line makes a number


def test_a_period_outside_the_span_is_refused_and_one_inside_is_not() -> None:
    china = dataset.load("data/example/china")
    for text in ("2023", "2024H1", "2005..2024"):
        china.check_period(dataset.periods.parse(text))
    for text in ("2025", "2004Q4", "2004..2006"):
        with pytest.raises(ParameterRefused) as refused:
            china.check_period(dataset.periods.parse(text))
        assert str(refused.value) == f"Period {text} lies outside the data of china, which cover 2005 to 2024."


def test_ancestors_follow_the_parents_else_the_digits_of_real_codes(tmp_path: Path) -> None:
    places = [
        ("410122", "中牟县", "Zhongmu", "county", ""),
        ("990001", "甲", "A", "county", "410100"),
        ("990002", "乙", "B", "county", ""),
        ("990003", "丙", "C", "county", "990004"),
        ("990004", "丁", "D", "county", "990003"),
    ]
    made = dataset.load(write(tmp_path, places=places))
    assert [made.ancestors(code) for code, *_rest in places] == [
        ("410122", "410100", "410000", "100000"),
        ("990001", "410100", "410000", "100000"),
        ("990002",),
        ("990003", "990004"),  # a circle ends
        ("990004", "990003"),
    ]


def test_the_hash_is_of_the_content_not_of_line_ends(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    before = dataset.load(folder).hash
    path = folder / "places.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert dataset.load(folder).hash == before
    path.write_bytes(path.read_bytes().replace(b"Jia", b"Jib"))
    assert dataset.load(folder).hash != before


def test_packaged_description_of_every_example_is_sound() -> None:
    for name in ("china", "synthetic"):
        made: Any = dataset.load(f"data/example/{name}")
        assert made.exempt != made.synthetic
