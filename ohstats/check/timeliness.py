"""Timeliness (Q5), silent units (Q8) and freshness: when records came, and which did not come at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import periods, reference, schema
from ..language import _
from ..wording import decimal, percent
from .opened import Finding, filled, holds, numbers, otherwise, shares, year_column

if TYPE_CHECKING:
    from .opened import Check

LATE = "late_report"


def timeliness(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q5: days between two dates of a record; percent within the limit; once with and once without late supplements.

    Columns: event, name, limit (days, missing where none is known), supplements ("all" or "without"), value, lower, upper
    (percent within the limit), numerator, denominator, median, p90 (days), missing (records without one of the
    dates), out_of_order.
    """
    made: list[dict[str, Any]] = []
    for event in reference.table("timeliness").to_dict("records"):
        frame = check.tables.get(event["table"])
        if frame is None:
            continue
        if event["where"]:
            frame = frame[holds(frame, event["where"])]
        late = frame["flags"].fillna("").str.contains(LATE, regex=False)
        for name, mine in (("all", frame), ("without", frame[~late])):
            if name == "all" or (late.any() and event["to"] == "report_date"):
                made.append(_event(check, event, mine) | {"supplements": name, "late": int(late.sum())})
    frame = pd.DataFrame(made)
    if frame.empty:
        return frame, [Finding("Q5", _("No table with two dates of a record is at hand: timeliness cannot be measured."))]
    limited = shares(frame)
    limited.loc[limited["limit"].isna(), ["value", "lower", "upper"]] = float("nan")
    return limited, _late(limited)


def _event(check: Check, event: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    first, last = (pd.to_datetime(frame[event[name]], errors="coerce", format="%Y-%m-%d") for name in ("from", "to"))
    days = (last - first).dt.days.dropna()
    limit = float(event["days"]) if event["days"] else float("nan")
    backwards = frame["flags"].fillna("").str.contains("date_order", regex=False)
    return {
        "event": event["event"], "table": event["table"], "name": reference.name_of(event, check.language), "limit": limit,
        "source": event["source"], "numerator": int((days <= limit).sum()), "denominator": len(days),
        "median": days.median(), "p90": days.quantile(0.9), "missing": len(frame) - len(days),
        "out_of_order": int(backwards.sum()),
    }  # fmt: skip


def _late(frame: pd.DataFrame) -> list[Finding]:
    found = []
    for row in frame[(frame["supplements"] == "all") & frame["limit"].notna() & (frame["denominator"] > 0)].to_dict("records"):
        over = row["denominator"] - row["numerator"]
        if over:
            text = _(
                "{name}: {over} of {n} took more than {limit} days ({share} within it, median {median}, P90 "
                "{p90} days): take the late ones up with their units.",
                name=row["name"], over=over, n=row["denominator"], limit=decimal(row["limit"], 0), share=percent(row["value"]),
                median=decimal(row["median"], 0), p90=decimal(row["p90"], 0),
            )  # fmt: skip
            found.append(Finding("Q5", text))
        if row["missing"]:
            text = _("{name}: {n} records lack one of the dates: fill them in.", name=row["name"], n=row["missing"])
            found.append(Finding("Q5", text))
    return otherwise(found, frame["denominator"].sum() > 0, "Q5", _("Nothing came later than its limit: nothing to do."))


def silent_institutions(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q8: institutions that neither reported nor sent a zero report, by place, kind and year; their share with limits."""
    frame = check.tables.get("institutions")
    if frame is None or not holds(frame, "reported").any():
        return pd.DataFrame(), [Finding("Q8", _("No register says which institutions reported: fill in the table institutions."))]
    frame = frame[frame["institution_type"].isin(["health_exam", "diagnosis"])]
    reported, zero = holds(frame, "reported"), holds(frame, "zero_report")
    counted = frame.assign(reports=reported, zero=zero & ~reported, numerator=(~reported & ~zero).astype(int), denominator=1)
    keys = ["division", "institution_type", "year"]
    sums = counted.groupby(keys, as_index=False)[["reports", "zero", "numerator", "denominator"]].sum()
    found = []
    for (place, year), mine in counted[counted["numerator"] == 1].groupby(["division", "year"]):
        text = _(
            "{place}, {year}: {names} sent neither a report nor a zero report: ask for one.",
            place=check.place_name(str(place)), year=year, names=", ".join(sorted(mine["institution"].fillna("-"))),
        )  # fmt: skip
        found.append(Finding("Q8", text))
    return shares(sums), found or [Finding("Q8", _("Every institution on file reported: nothing to do."))]


def silent_units(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q8: units that reported cards in an earlier year and none in the latest, which is complete or nearly so."""
    made: list[dict[str, Any]] = []
    for table in ("disease_cards", "suspected_cards"):
        frame = check.tables.get(table)
        if frame is None or not filled(frame, "report_unit").any():
            continue
        years = numbers(frame, "report_year")
        latest = years.max()
        for unit, mine in years.groupby(frame["report_unit"]):
            if mine.notna().any() and mine.max() < latest:
                made.append({"table": table, "unit": unit, "records": len(mine), "last": int(mine.max()), "latest": int(latest)})
    frame = pd.DataFrame(made, columns=["table", "unit", "records", "last", "latest"])
    found = [
        Finding("Q8", _("{table}: {unit} reported last in {last}, nothing in {latest}: ask whether there was nothing to report.",
                        table=check.table_name(row["table"]), unit=row["unit"], last=row["last"], latest=row["latest"]))
        for row in frame.to_dict("records")
    ]  # fmt: skip
    return frame, found


def silent_places(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q8: places and years that the data set says a table covers and that have no row, so that they count as 0."""
    made = []
    for table, frame in check.tables.items():
        declared = schema.table(table)
        place = declared.place or "place"
        if place not in frame.columns:
            continue
        year = year_column(declared)
        years = numbers(frame, year) if year else frame["period"].map(lambda text: periods.parse(text).last_year)
        there = set(zip(frame[place], years, strict=True))
        made += [(table, code, when) for code, when in sorted(check.covered(table)) if (code, when) not in there]
    frame = pd.DataFrame(made, columns=["table", "place", "year"])
    found = []
    for table, mine in frame.groupby("table", sort=False):
        names = [f"{check.place_name(code)} {year}" for code, year in zip(mine["place"], mine["year"], strict=True)]
        text = _(
            "{table}: no row for {names}; they count as 0: make sure that there was nothing, or take them out "
            "of covers in dataset.yml.",
            table=check.table_name(str(table)), names=", ".join(names[:5]) + (" …" if len(names) > 5 else ""),
        )  # fmt: skip
        found.append(Finding("Q8", text))
    return frame, found


def freshness(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """First and latest date of each table, and the days from the latest to the data date."""
    made: list[dict[str, Any]] = []
    found = []
    for table, frame in check.tables.items():
        first, last = _ends(table, frame)
        days = (check.day - pd.Timestamp(last).date()).days if last else None
        most = int(check.told["fresh"].get(table, check.told["fresh"]["default"]))
        made.append(
            {"table": table, "rows": len(frame), "first": first, "last": last, "day": str(check.day), "days": days, "limit": most}
        )
        if days is not None and days > most:
            text = _(
                "{table}: the latest record is of {last}, {days} days before the data date: ask for newer ones.",
                table=check.table_name(table), last=last, days=days,
            )  # fmt: skip
            found.append(Finding("", text))
    frame = pd.DataFrame(made, columns=["table", "rows", "first", "last", "day", "days", "limit"])
    return frame, found or [Finding("", _("Every table is up to date: nothing to do."))]


def _ends(table: str, frame: pd.DataFrame) -> tuple[str, str]:
    """First and last day of a table's records; of years and periods their ends."""
    declared = schema.table(table)
    if frame.empty:
        return "", ""
    if "period" in frame.columns and declared.kind == "counts":
        spans = [periods.parse(text) for text in frame["period"].dropna().unique() if text]
        return (
            (f"{min(each.first_year for each in spans)}-01-01", f"{max(each.last_year for each in spans)}-12-31")
            if spans
            else ("", "")
        )
    column = declared.columns.get(declared.date)
    if column is not None and column.type == "year":
        years = numbers(frame, column.name).dropna()
        return (f"{years.min():.0f}-01-01", f"{years.max():.0f}-12-31") if len(years) else ("", "")
    days = frame[declared.date].dropna() if declared.date in frame.columns else pd.Series([], dtype="str")
    return (str(days.min()), str(days.max())) if len(days) else ("", "")
