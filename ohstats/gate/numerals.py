"""Numbers in what people write: each must stand in the results of the same page, however it is written."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ..disclosure.policy import THRESHOLD
from ..paths import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OUTSIDE = ("head", "cover", "provenance")  # sections whose digits are codes, dates and digests


class _Ways(NamedTuple):
    """How numbers are written."""

    digit: dict[str, int]
    power: dict[str, int]
    point: str
    word: dict[str, int]
    number: re.Pattern[str]
    units: re.Pattern[str]
    persons: re.Pattern[str]
    nothing: re.Pattern[str]


@lru_cache(maxsize=1)
def _ways() -> _Ways:
    told = yaml.safe_load((REFERENCE / "numerals.yml").read_text(encoding="utf-8"))
    digit = {letter: int(value) for value, letters in told["digits"].items() for letter in letters}
    power = {**told["tens"]}
    letters = "".join([*digit, *power])
    words = "|".join(told["words"])
    number = (
        rf"(?P<plain>\d+(?:,\d{{3}}(?!\d))*(?:\.\d+)?)\s*(?P<scale>[{''.join(power)}]*)"
        rf"|(?P<han>[{letters}]+(?:{told['point']}[{letters}]+)?)"
        rf"|(?<![A-Za-z])(?P<word>(?:{words})(?:[- ](?:{words}))*)(?![A-Za-z])"
    )
    return _Ways(
        digit,
        power,
        told["point"],
        told["words"],
        re.compile(rf"(?:{number})(?P<tenths>{told['tenths']})?", re.IGNORECASE),
        re.compile(rf"\s*(?:{told['units']})", re.IGNORECASE),
        re.compile(rf"\s*(?:{told['persons']})", re.IGNORECASE),
        re.compile(rf"(?<![{letters}])(?:{'|'.join(told['not_numbers'])})", re.IGNORECASE),
    )


class Number(NamedTuple):
    """A number as it is written, what it is worth, and what it may be."""

    text: str
    value: float
    year: bool  # a calendar year
    people: bool  # a count of people


def numbers(text: str) -> Iterator[Number]:
    """All numbers in a text: digits of any script, full-width, circled and Roman ones, Chinese numerals, English words."""
    ways = _ways()
    ours = {**ways.digit, **ways.power}
    plain = "".join(
        f" {unicodedata.numeric(letter):g} " if unicodedata.category(letter) == "Nl" and letter not in ours else letter
        for letter in ways.nothing.sub(" ", unicodedata.normalize("NFC", text))
    )
    plain = "".join(
        str(unicodedata.digit(letter)) if unicodedata.category(letter) == "Nd" else letter
        for letter in unicodedata.normalize("NFKC", plain)
        if unicodedata.category(letter) != "Cf"
    )
    for match in ways.number.finditer(ways.nothing.sub(" ", plain)):
        value = _value(match, ways) * (10 if match["tenths"] else 1)
        after = match.string[match.end() :]
        four = bool(re.fullmatch(r"\d{4}", match[0].strip()) or re.fullmatch(f"[{''.join(ways.digit)}]{{4}}", match[0]))
        year = four and 1900 <= value <= 2100 and not ways.units.match(after)
        yield Number(match[0].strip(), value, year, bool(ways.persons.match(after)))


def _value(match: re.Match[str], ways: _Ways) -> float:
    if match["plain"]:
        value = float(match["plain"].replace(",", ""))
        for letter in match["scale"]:
            value *= ways.power[letter]
        return value
    if match["word"]:
        parts = [ways.word[part] for part in re.split(r"[- ]", match["word"].lower())]
        value = 0.0
        for part in parts:
            value = max(value, 1) * part if part >= 100 else value + part
        return value
    whole, _point, rest = match["han"].partition(ways.point)
    if not set(whole) & set(ways.power):
        value = float("".join(str(ways.digit[letter]) for letter in whole))
    else:
        value = _powers(whole, ways)
    return value + (float("0." + "".join(str(ways.digit.get(letter, 0)) for letter in rest)) if rest else 0)


def _powers(text: str, ways: _Ways) -> float:
    """Numerals with powers of ten: those from ten thousand on multiply all before them."""
    whole, section, digit = 0.0, 0.0, 0.0
    for letter in text:
        if letter in ways.digit:
            digit = 10 * digit + ways.digit[letter]
        elif ways.power[letter] >= 10_000:
            whole, section, digit = (whole + section + digit or 1) * ways.power[letter], 0.0, 0.0
        else:
            section, digit = section + (digit or 1) * ways.power[letter], 0.0
    return whole + section + digit


def _texts(result: dict[str, Any]) -> Iterator[str]:
    """Where the numbers of a section stand: sentences, cells, facts and what a figure says."""
    yield from result.get("sentences", [])
    yield from (str(cell) for row in (result.get("table") or {}).get("rows", []) for cell in row)
    yield from (fact[1] for fact in result.get("facts", []))
    yield from (result.get("figure") or {}).values()


def unknown(text: str, results: Iterable[dict[str, Any]], *, exempt: bool = False, names: bool = False) -> list[str]:
    """Numbers of a text that the results of its page do not hold, as they are written.

    Parameters
    ----------
    text : str
        What a person wrote.
    results : iterable of dict
        Results of the page, as in its JSON.
    exempt : bool
        Whether small counts may be told, because the data were published before.
    names : bool
        Whether the text is names, where Chinese numerals are letters like others unless people are counted.
    """
    told = [each for each in numbers(text) if not (each.year or (names and not each.people and not re.search(r"\d", each.text)))]
    there = _held(results) if told else set()  # a page holds thousands of numbers, most notes none
    return [each.text for each in told if each.value not in there or (each.people and 0 < each.value < THRESHOLD and not exempt)]


def _held(results: Iterable[dict[str, Any]]) -> set[float]:
    return {
        abs(each.value)
        for result in results
        if result["id"] not in _OUTSIDE
        for said in _texts(result)
        for each in numbers(said)
        if not each.year
    }


def findings(content: dict[str, Any]) -> list[str]:
    """Numbers that notes and signatures tell and their page does not."""
    results, found = content.get("results", []), []
    for result in results:
        note = result.get("note") or {}
        signed = [re.sub(r"\d{4}-\d\d-\d\d", "", fact[1]) for fact in result.get("facts", []) if result["id"] == "cover"]
        exempt, named = bool(content.get("exempt")), " / ".join([str(note.get("author", "")), *signed])
        strange = unknown(str(note.get("text", "")), results, exempt=exempt) + unknown(named, results, exempt=exempt, names=True)
        if strange:
            found.append(f"the note on '{result['id']}' tells numbers that the page does not: {', '.join(strange)}")
    return found
