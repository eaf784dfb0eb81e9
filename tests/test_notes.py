"""What people write about a report: kept, escaped, flagged when its numbers change, refused where it tells more than the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from datasets import PLACE, case_rows, write

from ohstats import data as opening
from ohstats import dataset, manifest, notes, plan, runner, site
from ohstats.errors import FileRefused, NotPublishable
from ohstats.gate import numerals
from ohstats.paths import Workspace, notebook

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.plan import Outcome

CASES = {year: 120 - 3 * (year - 2015) for year in range(2015, 2025)}
HEAD = "---\nauthor: 李某\ndate: 2025-02-01\n---\n"
SIGNED = (
    "---\nauthor: 李某\ndate: 2025-02-01\nprepared: {name: 李某, date: 2025-02-01}\n"
    "reviewed: {name: 王某, date: 2025-02-02}\napproved: {name: 赵某, date: 2025-02-03}\n---\n"
)
PLAIN = "## headline\nThe mine of the county closed in 2019.\n\n- fewer posts with dust\n- fewer examinations\n"


class County:
    """One county with its data set, its workspace and a run in this process."""

    def __init__(self, root: Path) -> None:
        self.folder, self.workspace = root / "data", Workspace.at(root / "work")
        self.note = self.workspace.notes("public") / "trend" / PLACE / "2024.en.md"
        self.data(CASES)

    def data(self, cases: dict[int, int]) -> None:
        write(self.folder, cases=case_rows(cases))

    def write(self, text: str) -> None:
        self.note.parent.mkdir(parents=True, exist_ok=True)
        self.note.write_text(text, encoding="utf-8")

    def run(self) -> int:
        """Make and publish what changed; the number of reports made."""
        chosen = dataset.load(self.folder)
        jobs = plan.plan(
            chosen, self.workspace, notebooks=[notebook("trend")], districts=[PLACE], languages=["en"], edition="public",
            period="2024", first_year=2015, assessment="annual",
        )  # fmt: skip
        opening.prepare(chosen, self.workspace, "public")
        made: list[Outcome] = []
        begun: list[int] = []
        outcomes = runner.make(
            jobs, jobs, [chosen], self.workspace, manifest.Manifest(self.workspace, "public"),
            begun=begun.append, done=made.append, workers=1,
        )  # fmt: skip
        assert [each.error for each in outcomes] == [""]
        site.build(outcomes, [chosen], self.workspace, "public")
        return begun[0]

    @property
    def page(self) -> str:
        return (self.workspace.site("public") / "en" / f"{PLACE}_trend.html").read_text(encoding="utf-8")

    def section(self, name: str) -> str:
        found = re.search(rf'<section id="{name}".*?</section>', self.page, re.DOTALL)
        return re.sub(r"<[^>]+>", " ", found[0]) if found else ""


@pytest.fixture
def county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> County:
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "work"))
    return County(tmp_path)


CHANGED = "The numbers of this section changed after this was written."


def test_a_note_is_kept_over_runs_and_flagged_when_its_numbers_change(county: County) -> None:
    assert county.run() == 1
    county.write(HEAD + PLAIN)
    before = county.note.read_bytes()
    assert county.run() == 1, "a report reads its note"
    assert "The mine of the county closed in 2019." in county.section("headline")
    assert "李某, 2025-02-01" in county.section("headline")
    assert county.run() == 0
    county.data(CASES | {2024: 80})
    assert county.run() == 1
    assert "The mine of the county closed in 2019." in county.section("headline")
    assert CHANGED in county.section("headline")
    assert county.note.read_bytes() == before
    county.write(HEAD.replace("02-01", "03-01") + PLAIN)  # its author read it again
    assert county.run() == 1
    assert CHANGED not in county.page


def test_a_note_written_on_an_older_page_is_flagged_when_it_is_first_read(county: County) -> None:
    county.run()
    county.write(HEAD + PLAIN)
    county.data(CASES | {2024: 80})
    county.run()
    assert CHANGED in county.section("headline")


def test_a_report_is_a_draft_until_three_people_signed_and_again_when_its_data_change(county: County) -> None:
    county.run()
    assert "Draft: not yet approved." in county.section("cover")
    county.write(SIGNED.replace("approved: {name: 赵某, date: 2025-02-03}\n", ""))
    county.run()
    assert "Draft: not yet approved." in county.section("cover")
    county.write(SIGNED)
    county.run()
    assert re.sub(r"\s+", " ", county.section("cover")).strip() == (
        "Prepared 李某, 2025-02-01 Reviewed 王某, 2025-02-02 Approved 赵某, 2025-02-03"
    )
    county.data(CASES | {2024: 80})
    county.run()
    assert "Draft: the data changed after it was signed." in county.section("cover")


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("In 17 townships", "17"),
        ("在１７个乡镇", "17"),
        ("三十七人", "三十七"),
        ("a further twenty-two workers", "twenty-two"),
        ("比上年下降四成", "四成"),
        ("1 case at the foundry", "1"),
        ("2024例", "2024"),
        ("⑰", "17"),
    ],
)
def test_a_note_that_tells_a_number_which_its_page_does_not_is_refused(county: County, text: str, strange: str) -> None:
    county.run()
    before = county.page
    county.write(HEAD + f"## headline\n{text}\n")
    with pytest.raises(NotPublishable) as refused:
        county.run()
    assert f"the note on 'headline' tells numbers that the page does not: {strange}" in str(refused.value)
    assert county.page == before


def test_numbers_of_the_page_and_calendar_years_may_be_told(county: County) -> None:
    county.write(HEAD + "## headline\nFrom 120 cases in 2015 to 93 (九十三例) in 二〇二四年; the mine closed in 2019.\n")
    county.run()
    assert "九十三例" in county.section("headline")


@pytest.mark.parametrize("name", ["signature", "author"])
def test_a_name_tells_no_number_either(county: County, name: str) -> None:
    county.write(SIGNED.replace("王某", "王某 17 例") if name == "signature" else SIGNED.replace("李某", "李某17") + PLAIN)
    with pytest.raises(NotPublishable, match="17"):
        county.run()


def test_a_note_on_a_section_that_is_not_there_is_refused_with_those_that_are(county: County) -> None:
    county.write(HEAD + "## trend\nText.\n")
    with pytest.raises(NotPublishable, match=rf"trend/{PLACE}/2024.en.md: the page has no section 'trend' .* headline"):
        county.run()


HOSTILE = {
    "script": "<script>document.title='run'</script><img src=x onerror=alert()>",
    "link": "[here](javascript:alert()) <a href='javascript:alert()'>x</a> <https://x.example/>",
    "template": "{{ nb.cells }} {% raw %} {# #} ${a*b}",
    "markdown": "# a\n\n**b** `c` ![d](https://x.example/d.png)\n\n<!-- comment -->\n```html\n<b>\n```",
    "unseen": "a\u202eb\u2066c\u200bd\u0000e\u200f",
    "long": "word " * 2_000,
}


def test_hostile_notes_come_out_as_text(county: County) -> None:
    sections = ["headline", "cases", "trends", "effort", "limits", "provenance"]
    county.write(HEAD + "\n".join(f"## {name}\n{text}\n" for name, text in zip(sections, HOSTILE.values(), strict=True)))
    county.run()
    page = re.sub(r"<style>.*?</style>", "", county.page, flags=re.DOTALL)
    assert not re.search(r"<(script|img|b|code|pre|strong)\b|<a [^>]*(javascript|x\.example)", page)
    assert "<!--" not in page
    assert not set("\u202e\u2066\u200b\u200f\0") & set(page)
    for part in (
        "&lt;script&gt;",
        "{{ nb.cells }} {% raw %}",
        "[here](javascript:alert())",
        "**b** `c`",
        "abcde",
        "word " * 1_999,
    ):
        assert part in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\n", "line 1: begin each remark"),
        (HEAD + "## headline\n\n## headline\na\n", "line 5: 'headline' needs one text"),
        ("## headline\na\n", "line 1: 'headline' needs one text, an author and a date"),
        ("## headline, 李某, 3 March\na\n", "'headline' needs one text, an author and a date"),
        ("---\napproved: 赵某\n---\n", "write approved: {name: NAME, date: 2026-01-31}"),
        ("---\nsigned: yes\n---\n", "and nothing else"),
        ("---\n- a\n", "and nothing else"),
        ("---\n" + "[" * 5_000 + "\n---\n", "and nothing else"),
        (HEAD + "## headline\n" + "a" * 20_001, "at most 20000 letters"),
    ],
)
def test_a_note_that_cannot_be_read_says_where_before_anything_runs(county: County, text: str, message: str) -> None:
    county.write(text)
    with pytest.raises(FileRefused) as refused:
        county.run()
    assert message in str(refused.value)
    assert f"trend/{PLACE}/2024.en.md" in str(refused.value)


def test_a_note_of_a_name_that_no_report_has_is_refused(county: County) -> None:
    wrong = county.note.with_name("2024.md")
    county.write(HEAD + PLAIN)
    wrong.write_text("a", encoding="utf-8")
    with pytest.raises(FileRefused, match=r"name it REPORT/PLACE/PERIOD\.LANGUAGE\.md"):
        notes.find(county.workspace, "public")


# How numbers are written ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("11,289 and 1,2", [11289, 1, 2]),
        ("−10.7 %", [10.7]),
        ("1.1万人，三百零五例，一万两千", [11000, 305, 12000]),
        ("百分之十点七，二千零一十六人，廿三", [10.7, 2016, 23]),
        ("２０ ٣ १२ Ⅳ ½", [20, 3, 12, 4, 1, 2]),
        ("a dozen, three hundred, Fifty-two", [12, 300, 52]),
        ("统一、进一步、十分、第一、三同时、“十四五”、测点、Ⅱ期、百分点、one of them, the first half", []),
        ("陆续、队伍、大陆、收拾，叁拾伍人", [35]),
        ("数十年、几百例以上", []),
        ("2024年，2019, 二〇二一年", []),
        ("2024例，2024 workers, 1899", [2024, 2024, 1899]),
    ],
)
def test_numbers_are_read_in_every_script(text: str, values: list[float]) -> None:
    assert [each.value for each in numerals.numbers(text) if not each.year] == values


def test_a_small_count_of_people_is_refused_though_the_digit_stands_on_the_page() -> None:
    results: list[dict[str, Any]] = [{"id": "trends", "sentences": ["3 points; 30 cases"], "facts": []}]
    assert numerals.unknown("3 years, 30 workers", results) == []
    assert numerals.unknown("3 workers", results) == ["3"]
    assert numerals.unknown("三名工人", results) == ["三"]
    assert numerals.unknown("3 workers", results, exempt=True) == []
    assert numerals.unknown("陆一鸣、万里、王三人", results, names=True) == ["三"]
