"""The command line refuses in one plain sentence, before anything runs, with exit code 2 and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datasets import case_rows, write

from ohstats import __version__
from ohstats.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable

FRAGILE = Path(__file__).parent / "notebooks" / "fragile.ipynb"
DECLARED = "data_dir, district, edition, first_year, language, period"
CHINA = ["run", "--data-dir", "data/example/china"]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Run a command in this process; it must refuse, and must not have made anything."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        work = tmp_path / "work"
        monkeypatch.setattr(sys, "argv", ["ohstats", *arguments, "--work", str(work)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert (left.value.code, said.out) == (2, "")
        assert not work.exists()
        return said.err.strip()

    return run


def altered(folder: Path, change: Callable[[dict[str, Any]], None], name: str = "mine.ipynb") -> str:
    notebook = json.loads(FRAGILE.read_text(encoding="utf-8"))
    change(notebook)
    (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Name a data set with --data-dir FOLDER, or use --example."),
        ([*CHINA, "--district", "110101"], "No place '110101'. There are: 100000."),
        ([*CHINA, "--period", "2025"], "Period 2025 lies outside the data of china, which cover 2005 to 2024."),
        ([*CHINA, "--first-year", "1999"],
         "first_year 1999 must lie between 2005 (first year of the data) and 2024 (the period)."),
        ([*CHINA, "--language", "zh,fr"], "No language 'fr'. There are: zh, en."),
        ([*CHINA, "--language", ","], "No language ''. There are: zh, en."),
        ([*CHINA, "--edition", "secret"], "No edition 'secret'. There are: public, internal."),
        ([*CHINA, "--assessment", "weekly"], "No assessment 'weekly'. There are: annual, midterm, final."),
        ([*CHINA, "--notebook", "forecast"], "No notebook 'forecast'. There are: 1_data_check, 2_trend, 3_evaluation, 4_overview."),  # noqa: E501
        ([*CHINA, "--notebook", "gone/trend.ipynb"],
         "No notebook 'gone/trend.ipynb'. There are: 1_data_check, 2_trend, 3_evaluation, 4_overview."),
        ([*CHINA, "-p", "assessment"], "Write a parameter as name=value, not: assessment"),
        ([*CHINA, "-p", "district=990101"], "Give district as an option of its own, not with -p."),
        ([*CHINA, "-p", "edition=internal"], "Give edition as an option of its own, not with -p."),
        ([*CHINA, "--notebook", "trend", "-p", "colour=red", "-p", "size=2"],
         f"2_trend.ipynb declares no parameter colour, size. It declares: {DECLARED}."),
        (["run", "--data-dir", "nowhere"],
         "No data set in nowhere: there is no file dataset.yml. Packaged examples: data/example/china, data/example/synthetic."),
        ([*CHINA, "--example"], "More than one data set has the id china."),
        (["site"], "Nothing was run for the edition public. Run: ohstats run"),
        (["site", "--edition", "secret"], "No edition 'secret'. There are: public, internal."),
        (["protect", "--data-dir", "data/example/china", "--edition", "x"], "No edition 'x'. There are: public, internal."),
    ],
)  # fmt: skip
def test_it_refuses_with_what_exists(refused: Callable[..., str], arguments: list[str], message: str) -> None:
    assert refused(*arguments) == message


def test_it_refuses_in_chinese_too(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OHSTATS_LANGUAGE", "zh")
    assert refused(*CHINA, "--period", "2025") == "期间 2025 超出 china 的数据范围（2005 至 2024 年）。"
    assert refused(*CHINA, "--edition", "secret") == "没有版本“secret”。可选：public, internal。"
    assert refused(*CHINA, "-p", "district=1") == "district 请用各自的选项给出，不要用 -p。"


def untag(notebook: dict[str, Any]) -> None:
    notebook["cells"][1]["metadata"] = {}


def tag_two(notebook: dict[str, Any]) -> None:
    notebook["cells"][2]["metadata"] = {"tags": ["parameters"]}


def tag_prose(notebook: dict[str, Any]) -> None:
    notebook["cells"][1] = {"cell_type": "markdown", "id": "x", "metadata": {"tags": ["parameters"]}, "source": "period = 1"}


def declare_less(notebook: dict[str, Any]) -> None:
    notebook["cells"][1]["source"] = 'district = "1"\nperiod = "2024"\nlanguage = "en"\n'


CELLS = (
    "{n} code cells tagged 'parameters'; exactly one is needed, "
    "else the values passed would be overwritten by the notebook's own."
)


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        (untag, "mine.ipynb", "mine.ipynb has " + CELLS.format(n=0)),
        (tag_two, "mine.ipynb", "mine.ipynb has " + CELLS.format(n=2)),
        (tag_prose, "mine.ipynb", "mine.ipynb has " + CELLS.format(n=0)),
        (declare_less, "mine.ipynb", "mine.ipynb does not declare the parameters data_dir, edition, first_year."),
        (lambda notebook: notebook.pop("metadata"), "mine.ipynb",
         "mine.ipynb names no Python kernel; open it in JupyterLab, choose one and save it."),
        (lambda notebook: notebook.pop("cells"), "mine.ipynb", "mine.ipynb is not a notebook."),
        (lambda _notebook: None, "Mine-2.ipynb",
         "Mine-2.ipynb: name a notebook in small letters and _, as in 5_my_report.ipynb."),
        (lambda _notebook: None, "9_trend.ipynb", "Two notebooks make the report 'trend'; rename one."),
    ],
)  # fmt: skip
def test_a_notebook_that_cannot_run_unattended_is_refused(
    refused: Callable[..., str], tmp_path: Path, change: Callable[[dict[str, Any]], None], name: str, message: str
) -> None:
    assert refused(*CHINA, "--notebook", "trend", "--notebook", altered(tmp_path, change, name)) == message


def test_the_same_place_in_two_data_sets_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", id="a"), write(tmp_path / "b", id="b", cases=case_rows({2015: 1}))
    folders = ["--data-dir", str(first), "--data-dir", str(second)]
    assert refused("run", *folders) == "The places 990001 stand in more than one data set."
    write(tmp_path / "b", id="a")
    assert refused("run", *folders) == "More than one data set has the id a."


def test_a_refusal_is_a_sentence_and_no_traceback_for_the_shell_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "bad", id="Bad", covers=[])
    command = [sys.executable, "-m", "ohstats", "run", "--data-dir", str(folder), "--work", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "bad/dataset.yml: 2 problems.",
        "  'id' must be a short name of small letters, digits, - and _",
        "  'covers' must list which table covers which places and periods",
    ]
    assert not (tmp_path / "work").exists()


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ohstats", "--version"])
    with pytest.raises(SystemExit) as left:
        main()
    assert (left.value.code, capsys.readouterr().out) == (0, f"ohstats {__version__}\n")


def test_clean_and_protect_say_what_came_of_the_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 3, 2016: "x"}))
    for command, said in (
        ("clean", "small: case_counts.csv: 2 rows in = 1 clean + 1 in quarantine\n"),
        ("protect", "small: 1 of 10 figures hidden (rules 2, edition public)\n"),
    ):
        monkeypatch.setattr(sys, "argv", ["ohstats", command, "--data-dir", str(folder), "--work", str(tmp_path / "work")])
        with pytest.raises(SystemExit) as left:
            main()
        assert (left.value.code, capsys.readouterr().out) == (0, said)
    assert (tmp_path / "work" / "data" / "work").stat().st_mode & 0o077 == 0  # only its owner can open it
