"""Records against aggregates: cards against counted cases, individual examinations against summary rows (Q9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import codes, counts, reference
from ..language import _
from ..wording import count, decimal, share_of
from .opened import Finding, numbers

if TYPE_CHECKING:
    from ..dataset import Dataset
    from .opened import Check

_SHOWN = 5  # differences told in a sentence of their own
CASES = ["place", "year", "year_basis", "key", "cards", "counted", "difference", "factor"]


def cases(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """New cases of the cards against `case_counts`, by place, year, basis and category, where the data set covers both."""
    cards, told = check.tables.get("disease_cards"), check.tables.get("case_counts")
    if cards is None or told is None or check.dataset is None:
        return pd.DataFrame(columns=CASES), [
            Finding("Q9", _("Cards and counted cases are not both at hand: nothing to compare."))
        ]
    told = told[told["period"].str.fullmatch(r"\d{4}") & (told["group"] == "") & told["n"].notna()]
    known, covered = _counted_keys(), check.covered("disease_cards")
    found = _by_key(cards)
    made: list[dict[str, Any]] = []
    for row in told.to_dict("records"):
        where = (row["place"], int(row["period"]))
        if where in covered and row["key"] in known:
            n = found.get((*where, row["year_basis"], row["key"]), 0)
            made.append(dict(zip(CASES, (*where, row["year_basis"], row["key"], n, int(row["n"])), strict=False)))
    frame = pd.DataFrame(made, columns=CASES)
    frame["difference"] = frame["cards"] - frame["counted"]
    frame["factor"] = frame["cards"].astype(float) / frame["counted"].astype(float).where(lambda n: n > 0)
    return frame, [*_differences(check, frame), *_indicators(check, check.dataset)]


def _indicators(check: Check, dataset: Dataset) -> list[Finding]:
    """Indicators that `indicator_values` and the records say differently; reports use the aggregated figure."""
    declared = reference.table("indicators", dataset.folder, key="indicator_id")
    differ = counts.disagreements(check, dataset, declared)  # type: ignore[arg-type]  # it holds the same tables
    differ = differ[differ["measure"] != counts.NEW_CASES]
    names = {row["indicator_id"]: reference.name_of(row, check.language) for row in declared.to_dict("records")}
    found = [
        Finding("Q9", _("{indicator}, {place}, {year}: {aggregate} in the aggregate, {records} from the records: reports use "
                        "the aggregate; find out which is right.",
                        indicator=names.get(row["measure"], row["measure"]), place=check.place_name(row["place"]),
                        year=row["period"], aggregate=_figure(row, ""), records=_figure(row, "_records")))
        for row in differ.head(_SHOWN).to_dict("records")
    ]  # fmt: skip
    if len(differ) > _SHOWN:
        found.append(Finding("Q9", _("{n} more indicators differ between aggregate and records.", n=len(differ) - _SHOWN)))
    return found


def _figure(row: dict[str, Any], suffix: str) -> str:
    numerator, denominator = row[f"numerator{suffix}"], row[f"denominator{suffix}"]
    return count(numerator) if pd.isna(denominator) else share_of(numerator, denominator)


def _counted_keys() -> set[str]:
    """Categories whose cases can be told from the disease of a card."""
    parents = dict(zip(reference.table("categories")["key"], reference.table("categories")["parent"], strict=True))
    known = {"total"}
    for key in codes.table("diseases")["category_key"].unique():
        while key in parents:
            known.add(key)
            key = parents[key]
    return known


def _by_key(cards: pd.DataFrame) -> dict[tuple[str, int, str, str], int]:
    """New cases by place, year, basis and category, and by all categories above it."""
    parents = dict(zip(reference.table("categories")["key"], reference.table("categories")["parent"], strict=True))
    new = cards[cards["new_case"].fillna(False).astype(bool)]
    found: dict[tuple[str, int, str, str], int] = {}
    for basis in ("diagnosis", "report"):
        years = numbers(new, f"{basis}_year")
        sums = new.assign(year=years)[years.notna()].groupby(["employer_division", "year", "category"], dropna=False).size()
        for (place, year, category), n in sums.items():
            key = category if category in parents else "total"
            while key:
                found[place, int(year), basis, key] = found.get((place, int(year), basis, key), 0) + int(n)
                key = parents.get(key, "")
    return found


def _differences(check: Check, frame: pd.DataFrame) -> list[Finding]:
    if frame.empty:
        return [Finding("Q9", _("No place and year has both cards and counted cases: nothing to compare."))]
    names = reference.category_names(check.language)
    far = frame[frame["difference"] != 0].sort_values("difference", key=lambda n: -n.abs(), kind="stable")
    found = [
        Finding("Q9", _("{place}, {year}, {key}: {cards} new cases on cards, {counted} in the aggregate: find "
                        "the missing cards, or correct the aggregate.",
                        place=check.place_name(row["place"]), year=row["year"], key=names[row["key"]], cards=row["cards"],
                        counted=row["counted"]), serious=True)
        for row in far.head(_SHOWN).to_dict("records")
    ]  # fmt: skip
    if len(far) > _SHOWN:
        text = _("{n} more places and years differ: see the table.", n=len(far) - _SHOWN)
        found.append(Finding("Q9", text, serious=True))
    return found or [Finding("Q9", _("Cards and counted cases agree in all {n} places and years: nothing to do.", n=len(frame)))]


def examinations(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q9: individual examinations over the number examined in summary rows, by place and year (verification factor)."""
    columns = ["place", "year", "cards", "summary", "factor"]
    frame = check.tables.get("exam_cards")
    if frame is None or not len(frame):
        return pd.DataFrame(columns=columns), [Finding("Q9", _("No examinations are at hand: nothing to compare."))]
    summary = frame["examined"].notna()
    keys = [frame["employer_division"].rename("place"), numbers(frame, "exam_year").rename("year")]
    unit = [name for name in ("person_key", "employer_key", "exam_type", "exam_date") if name in frame.columns]
    once = ~frame.duplicated(unit) | frame["person_key"].isna()
    sums = pd.DataFrame(
        {
            "cards": (~summary & once).groupby(keys).sum(),
            "summary": numbers(frame, "examined").where(summary).groupby(keys).sum(min_count=1),
        }
    ).reset_index()
    both = sums[(sums["cards"] > 0) & (sums["summary"] > 0)].reset_index(drop=True)
    both["factor"] = both["cards"] / both["summary"]
    low, high = check.told["agreement"]["lower"], check.told["agreement"]["upper"]
    found = [
        Finding("Q9", _("{place}, {year}: {cards} individual examinations against {summary} in summary rows "
                        "(factor {factor}, wanted {low} to {high}): ask for the missing cards, or correct the summary.",
                        place=check.place_name(row["place"]), year=int(row["year"]), cards=row["cards"],
                        summary=int(row["summary"]),
                        factor=decimal(row["factor"], 2), low=decimal(low), high=decimal(high)))
        for row in both[~both["factor"].between(low, high)].to_dict("records")
    ]  # fmt: skip
    if both.empty:
        return both, [Finding("Q9", _("No place has both individual examinations and summary rows: nothing to compare."))]
    return both, found or [Finding("Q9", _("Individual examinations agree with the summary rows: nothing to do."))]
