"""What became of every row: the accounting of files, rules of the audit, reasons of the quarantine; no value of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..language import _
from .opened import Finding, explain, line, named

if TYPE_CHECKING:
    from .opened import Check

FILES = ["file", "in", "clean", "quarantined", "blank", "no_person_key"]


def files(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows in, clean and in quarantine of each file, and those without a person key."""
    frame = pd.DataFrame([{"file": file, **told} for file, told in sorted(check.rows.items())], columns=FILES)
    frame = frame.astype({"file": "str"}).fillna(0).astype(dict.fromkeys(FILES[1:], "int64"))
    found = [
        Finding(
            "", _("{file}: {n_in} rows in are not {clean} clean + {out} in quarantine: report this as a fault of ohstats.",
                  file=row["file"], n_in=row["in"], clean=row["clean"], out=row["quarantined"]), serious=True,
        )
        for row in frame.to_dict("records") if row["in"] != row["clean"] + row["quarantined"]
    ]  # fmt: skip
    out, total = int(frame["quarantined"].sum()), int(frame["in"].sum())
    if out:
        text = _(
            "{out} of {total} rows are in quarantine and not counted: work through the reasons below, then clean again.",
            out=out, total=total,
        )  # fmt: skip
        found.append(Finding("", text, serious=True))
    else:
        found.append(Finding("", _("All {total} rows were taken over: nothing to do.", total=total)))
    for row in check.audit[check.audit["kind"] == "warning"].to_dict("records"):
        name, what, _measure = explain(row["rule"], "warning", check.language)
        found.append(Finding("", f"{row['file']}: {name}. {what}", serious=True))
    return frame, found


def audit(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """How often each rule changed or flagged something, by table and column."""
    lines = check.audit[check.audit["kind"].isin(["change", "flag"])]
    frame = lines.groupby(["table", "rule", "kind", "column"], as_index=False)["count"].sum()
    told = [explain(rule, kind, check.language) for rule, kind in zip(frame["rule"], frame["kind"], strict=True)]
    frame["name"], frame["what_to_do"] = [each[0] for each in told], [each[1] for each in told]
    text = _(
        "Cleaning changed or flagged {n} cells; each stands in the audit with file, row, column and rule.",
        n=int(frame["count"].sum()),
    )
    return frame, [Finding("", text)]


def quarantine(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows that are not counted, by reason, with their row numbers; what they hold stays in the protected folder."""
    columns = ["table", "reason", "name", "n", "rows", "what_to_do"]
    lines = check.quarantine.assign(reason=check.quarantine["reason"].str.split(";")).explode("reason")
    made = []
    for (table, reason), mine in lines.groupby(["table", "reason"]):
        name, what, _measure = explain(str(reason), "quarantine", check.language)
        made.append((str(table), str(reason), name, len(mine), named(check, mine["file"], mine["row"]), what))
    frame = pd.DataFrame(made, columns=columns)
    harmless = ("not_a_record", "test_record", "superseded")
    found = [
        Finding("", line(check, row["table"], row["name"], row["n"], row["what_to_do"]), serious=row["reason"] not in harmless)
        for row in frame.to_dict("records")
    ]
    return frame, found
