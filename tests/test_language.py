"""The language of messages: set for a block, by the environment, else English; both for errors and for plurals."""

import pickle

import pytest

from ohstats import language
from ohstats.errors import CountError, Fault, FileRefused, nearest


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ({"OHSTATS_LANGUAGE": "zh"}, "zh"),
        ({"OHSTATS_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "zh_TW", "LANG": "en_US"}, "zh"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
    ],
)
def test_the_environment_chooses_the_language(monkeypatch, names, chosen):
    for name in ("OHSTATS_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert language.current() == chosen


def test_a_block_speaks_its_own_language_and_gives_it_back():
    with language.use("zh"):
        assert language._("no figure") == "无数字"
        with language.use("en"):
            assert language._("no figure") == "no figure"
        assert language.current() == "zh"
    assert language.current() == "en"


def test_values_with_braces_are_shown_as_they_are():
    assert (
        str(Fault("row {row}: this code stands in an earlier row", row="{0}{x}"))
        == "row {0}{x}: this code stands in an earlier row"
    )


def test_an_error_speaks_the_language_it_is_shown_in_and_survives_pickling():
    fault = Fault("row {row}: this code stands in an earlier row", row=7)
    for kind in (FileRefused, CountError):
        error = pickle.loads(pickle.dumps(kind("{file}: {n} problems.", file="places.csv", n=1, faults=[fault])))  # noqa: S301
        assert type(error) is kind
        assert str(error) == "places.csv: 1 problems.\n  row 7: this code stands in an earlier row"
        with language.use("zh"):
            assert str(error) == "places.csv：1 处问题。\n  第 7 行：该编码在前面的行中已出现"


def test_the_nearest_names_come_first_else_the_first_ones():
    assert nearest("tend", ["trend", "evaluation"]) == "trend"
    assert nearest("zzz", [str(n) for n in range(20)]).endswith(", 11 …")
