"""Completeness, validity, consistency and uniqueness of records (Q1 to Q4), as shares with Wilson limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import dictionary, schema
from ..language import _
from ..wording import percent
from .opened import Finding, explain, explained, filled, holds, line, named, numbers, otherwise, shares

if TYPE_CHECKING:
    from .opened import Check

COMPLETE = 95.0
"""Percent below which a field is called incomplete (indicator A4)."""


def completeness(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q1: filled fields of those that a record should have, and records with all of them (column "")."""
    made: list[dict[str, Any]] = []
    for table, frame in check.records.items():
        whole = pd.Series(True, index=frame.index)
        wanted = dictionary.expected(table)
        for name, where in wanted.items():
            stand_in = check.told["stands_for"].get(name, name)
            if stand_in not in frame.columns:
                continue
            mine = holds(frame, where) if where else pd.Series(True, index=frame.index)
            there = filled(frame, stand_in)
            whole &= there | ~mine
            made.append({"table": table, "column": name, "numerator": int((there & mine).sum()), "denominator": int(mine.sum())})
        made += _counting(check, table, len(frame))
        if wanted:
            made.append({"table": table, "column": "", "numerator": int(whole.sum()), "denominator": len(frame)})
    estimates = shares(pd.DataFrame(made, columns=["table", "column", "numerator", "denominator"]))
    found = []
    fields = estimates[(estimates["column"] != "") & (estimates["denominator"] > 0)]
    for table, mine in fields[fields["value"] < COMPLETE].sort_values("value", kind="stable").groupby("table", sort=False):
        names = [
            f"{check.column_name(str(table), row['column'])} {percent(row['value'])}" for row in mine.head(3).to_dict("records")
        ]
        text = _(
            "{table}: {n} of {of} expected fields are filled in fewer than {limit} of the records, least of all {names}: ask the "
            "reporting units for these first.",
            table=check.table_name(str(table)), n=len(mine), of=int((fields["table"] == table).sum()),
            limit=percent(COMPLETE, 0), names=", ".join(names),
        )  # fmt: skip
        found.append(Finding("Q1", text))
    well = _("All expected fields are filled in at least {limit} of the records: nothing to do.", limit=percent(COMPLETE, 0))
    return estimates, otherwise(found, len(fields) > 0, "Q1", well)


def _counting(check: Check, table: str, clean: int) -> list[dict[str, Any]]:
    """Fields whose absence took rows into quarantine; known for whole files only."""
    if check.place:
        return []
    reasons = check.quarantine.loc[check.quarantine["table"] == table, "reason"]
    declared = schema.table(table)
    made = []
    for column in declared.columns.values():
        if column.counting and column.required:
            family = {"division": "district", "disease": "disease", "date": "date", "year": "date"}.get(column.type, column.name)
            lost = int(reasons.str.contains(rf"(?:^|;){family}_", regex=True).sum())
            made.append({"table": table, "column": column.name, "numerator": clean, "denominator": clean + lost})
    return made


def validity(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q2: valid values of those that are filled in, for each column with a fault and for each table (column "")."""
    rules = {code for (code, kind), told in explained(check.language).items() if told[2] == "Q2" and kind in ("change", "flag")}
    lines = check.audit[
        check.audit["rule"].isin(rules) & ((check.audit["kind"] == "change") | (check.audit["rule"] == "uscc_check"))
    ]
    made: list[dict[str, Any]] = []
    worst: list[dict[str, Any]] = []
    for table, frame in check.records.items():
        mine = lines[lines["table"] == table]
        if check.place or check.years != (0, 9999):
            mine = mine.merge(frame[["file", "row"]], on=["file", "row"])  # lines that only count rows cannot be placed
        total = bad = 0
        for name, column in schema.table(table).columns.items():
            wrong = mine[mine["column"] == name]
            n_wrong = int(wrong["count"].sum())
            kept = int(wrong.loc[wrong["rule"] == "uscc_check", "count"].sum())  # flagged, the value stays
            n = int(filled(frame, check.told["stands_for"].get(name, name)).sum()) + n_wrong - kept
            if column.personal and not n_wrong:
                continue
            total, bad = total + n, bad + n_wrong
            if n_wrong:
                told = {"table": table, "column": name, "numerator": n - n_wrong, "denominator": n}
                made.append(told | {"rules": ", ".join(sorted(set(wrong["rule"])))})
                worst.append({"table": table, "column": name, "n": n_wrong, "rule": wrong["rule"].iloc[0]})
        if total:
            made.append({"table": table, "column": "", "numerator": total - bad, "denominator": total, "rules": ""})
    estimates = shares(pd.DataFrame(made, columns=["table", "column", "rules", "numerator", "denominator"]))
    found = []
    for row in sorted(worst, key=lambda each: -int(each["n"])):
        name, what, _measure = explain(row["rule"], "flag" if row["rule"] == "uscc_check" else "change", check.language)
        found.append(
            Finding("Q2", line(check, row["table"], f"{check.column_name(row['table'], row['column'])}: {name}", row["n"], what))
        )
    return estimates, otherwise(
        found, estimates["denominator"].sum() > 0, "Q2", _("All values that are filled in are valid: nothing to do.")
    )


def consistency(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q3: records without any contradiction across fields (code ""), and how many have each contradiction, with their rows."""
    flags = [code for (code, kind), told in explained(check.language).items() if told[2] == "Q3" and kind == "flag"]
    made: list[dict[str, Any]] = []
    found = []
    for table, frame in check.records.items():
        bad = pd.Series(False, index=frame.index)
        wrong = {(code, "flag"): _flagged(frame, code) for code in flags}
        wrong |= {(code, "check"): where for code, where in _computed(check, table, frame).items()}
        lines = check.audit[(check.audit["table"] == table) & (check.audit["rule"] == "stage_conflict")]
        at = pd.MultiIndex.from_frame(lines[["file", "row"]].astype({"row": "int64"}))
        wrong["stage_conflict", "change"] = pd.Series(
            pd.MultiIndex.from_frame(frame[["file", "row"]]).isin(at), index=frame.index
        )
        for (code, kind), where in wrong.items():
            if not where.any():
                continue
            bad |= where
            n, name = int(where.sum()), explain(code, kind, check.language)
            rows = named(check, frame.loc[where, "file"], frame.loc[where, "row"])
            made.append({"table": table, "code": code, "name": name[0], "rows": rows, "numerator": n, "denominator": len(frame)})
            found.append(Finding("Q3", line(check, table, name[0], n, name[1]), serious=True))
        made.append(
            {"table": table, "code": "", "name": "", "rows": "", "numerator": int((~bad).sum()), "denominator": len(frame)}
        )
    estimates = shares(pd.DataFrame(made, columns=["table", "code", "name", "rows", "numerator", "denominator"]))
    return estimates, otherwise(
        found, estimates["denominator"].sum() > 0, "Q3", _("No record contradicts itself: nothing to do.")
    )


def _flagged(frame: pd.DataFrame, code: str) -> pd.Series[bool]:
    return (";" + frame["flags"].fillna("") + ";").str.contains(f";{code};", regex=False)


def _computed(check: Check, table: str, frame: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    """Contradictions that are declared for the data check alone."""
    made: dict[str, pd.Series[bool]] = {}
    for each in check.told["only"].get(table, []):
        where = (
            frame[each["where"]].fillna("").astype("str").str.contains(each["pattern"])
            if "pattern" in each
            else holds(frame, each["where"])
        )
        made[each["code"]] = filled(frame, each["column"]) & ~where
    for each in check.told["span"]:
        value = numbers(frame, each["column"])
        made[each["code"]] = value.notna() & ~value.between(each["min"], each["max"])
    if table in check.told["judged"]:
        told = check.told["judged"][table]
        results = pd.concat([numbers(frame, name) for name in told["results"]], axis=1)
        limit, one = numbers(frame, told["limit"]), results.notna().sum(axis=1) == 1
        above = results.sum(axis=1, min_count=1) > limit
        known = one & limit.notna() & filled(frame, told["flag"])
        made[told["code"]] = known & (above == (frame[told["flag"]] == told["pass"]))
    return made


def uniqueness(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q4: records that are not certain duplicates; possible duplicates and reused card numbers by their rows."""
    made: list[dict[str, Any]] = []
    found = []
    for table, frame in check.tables.items():
        declared = schema.table(table)
        if not (declared.same or declared.card or declared.key):
            continue
        reasons = check.quarantine.loc[check.quarantine["table"] == table, "reason"]
        twice = int(reasons.str.contains(r"(?:^|;)(?:duplicate|conflict)(?:;|$)", regex=True).sum())
        row: dict[str, Any] = {
            "table": table,
            "rows": "",
            "possible": 0,
            "numerator": len(frame),
            "denominator": len(frame) + twice,
        }
        if "flags" in frame.columns:
            for code in ("possible_duplicate", "card_number_reused"):
                where = _flagged(frame, code)
                if not where.any():
                    continue
                rows = named(check, frame.loc[where, "file"], frame.loc[where, "row"])
                row["possible"] += int(where.sum())
                row["rows"] = "; ".join(filter(None, [row["rows"], rows]))
                name, what, _measure = explain(code, "flag", check.language)
                found.append(Finding("Q4", line(check, table, name, int(where.sum()), what), serious=True))
        made.append(row)
    estimates = shares(pd.DataFrame(made, columns=["table", "possible", "rows", "numerator", "denominator"]))
    twice = int((estimates["denominator"] - estimates["numerator"]).sum()) if len(estimates) else 0
    if twice:
        found.append(Finding("Q4", _("{n} certain duplicates were left out: delete them at the source.", n=twice)))
    return estimates, otherwise(found, estimates["denominator"].sum() > 0, "Q4", _("No duplicate was found: nothing to do."))
