"""Periods: what they cover, one text for each, and words that are none."""

import pytest

from ohstats import periods, wording
from ohstats.errors import ParameterRefused
from ohstats.language import use


@pytest.mark.parametrize(
    ("text", "start", "end", "canonical", "english", "chinese"),
    [
        ("2024", (2024, 1), (2024, 12), "2024", "2024", "2024年"),
        (" 2024 ", (2024, 1), (2024, 12), "2024", "2024", "2024年"),
        (2024, (2024, 1), (2024, 12), "2024", "2024", "2024年"),
        ("2024-01..12", (2024, 1), (2024, 12), "2024", "2024", "2024年"),
        ("2024..2024", (2024, 1), (2024, 12), "2024", "2024", "2024年"),
        ("2024H1", (2024, 1), (2024, 6), "2024H1", "first half of 2024", "2024年上半年"),
        ("2024-01..06", (2024, 1), (2024, 6), "2024H1", "first half of 2024", "2024年上半年"),
        ("2024H2", (2024, 7), (2024, 12), "2024H2", "second half of 2024", "2024年下半年"),
        ("2024Q3", (2024, 7), (2024, 9), "2024Q3", "quarter 3 of 2024", "2024年第3季度"),
        ("2024-01..09", (2024, 1), (2024, 9), "2024-01..09", "months 1 to 9 of 2024", "2024年1—9月"),
        ("2024-02..07", (2024, 2), (2024, 7), "2024-02..07", "months 2 to 7 of 2024", "2024年2—7月"),
        ("2018..2023", (2018, 1), (2023, 12), "2018..2023", "2018–2023", "2018–2023"),
    ],
)
def test_a_period_has_months_one_text_and_words(text, start, end, canonical, english, chinese):
    period = periods.parse(text)
    assert (period.start, period.end, str(period)) == (start, end, canonical)
    with use("en"):
        assert wording.period(period) == english
    with use("zh"):
        assert wording.period(period) == chinese


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "2024H3",
        "2024Q0",
        "2024-00..09",
        "2024-09..01",
        "2024-01..13",
        "2023..2018",
        "1899",
        "2200",
        "２０２４",
        "2024Q3 x",
    ],
)
def test_what_is_no_period_is_refused_with_the_forms_that_are(text):
    assert not periods.is_period(text)
    with pytest.raises(ParameterRefused) as refused:
        periods.parse(text)
    assert str(refused.value) == (
        f"'{text}' is not a period; write a year (2024), a half-year (2024H1), a quarter (2024Q3), "
        "months of a year (2024-01..09) or years (2018..2023)."
    )


def test_a_span_contains_its_parts_and_no_more():
    span = periods.parse("2018..2023")
    assert [span.contains(periods.parse(text)) for text in ("2018", "2023H2", "2018..2023", "2024Q1", "2017..2019")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert periods.parse("2023Q4").months == [(2023, 10), (2023, 11), (2023, 12)]
    assert list(periods.parse("2018..2020").whole_years) == [2018, 2019, 2020]
    assert list(periods.parse("2024H1").whole_years) == []
