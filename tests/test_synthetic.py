"""The synthetic city: the committed bytes come from the seed, and what was put in comes out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from ohstats import occurrence, open_data, paths, synthetic, trend

if TYPE_CHECKING:
    from pathlib import Path

COMMITTED = paths.examples() / "synthetic"
PLAN = yaml.safe_load((paths.REFERENCE / "synthetic.yml").read_text(encoding="utf-8"))


def test_the_same_seed_gives_the_committed_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    made, other = synthetic.make(tmp_path / "a"), synthetic.make(tmp_path / "b", seed=1)
    names = sorted(path.name for path in COMMITTED.iterdir())
    assert sorted(path.name for path in made.iterdir()) == names
    assert {name: (made / name).read_bytes() for name in names} == {name: (COMMITTED / name).read_bytes() for name in names}
    assert (other / "case_counts.csv").read_bytes() != (made / "case_counts.csv").read_bytes()


@pytest.mark.parametrize(
    ("code", "first", "change", "verdict"), [("990101", 2014, -8.0, "falling"), ("990102", 2014, 0.0, "roughly level")]
)
def test_the_change_that_was_put_in_lies_inside_the_interval(code: str, first: int, change: float, verdict: str) -> None:
    data = open_data(COMMITTED, code, period="2025")
    found = occurrence.trends(data, occurrence.yearly(data)).iloc[-1]
    assert found["first_year"] == first
    assert found["lower"] <= change <= found["upper"]
    assert found["verdict"] == verdict


def test_the_break_that_was_put_in_hides_a_rise_which_the_windows_show() -> None:
    district = next(each for each in PLAN["districts"] if each["code"] == "990103")
    mean = synthetic.expected_cases(district, np.arange(2010, 2026))
    assert mean[9] / mean[8] == pytest.approx(0.5 * 1.06)
    data = open_data(COMMITTED, "990103", period="2025")
    series = occurrence.yearly(data)
    assert occurrence.windows(series, data.breaks) == [(2010, 2013), (2014, 2018), (2019, 2025)]
    across = trend.percent_change(series[series["state"] == "shown"], count="value", year="year").iloc[0]
    assert across["upper"] < 6  # one line over all years would miss the true +6 % a year
    latest = occurrence.trends(data, series).iloc[-1]
    assert latest["lower"] <= 6 <= latest["upper"]
    assert latest["last_year"] == 2024  # 2025 is provisional
