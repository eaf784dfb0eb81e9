"""Writes docs/requirements.md from docs/requirements.csv: what answers each requirement, and the test that proves it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ohstats import dictionary, reference

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEADER = ["No.", "What is asked", "Indicators", "Sections", "Proved by", "What a person or another table has to add"]


def document() -> str:
    """The page."""
    rows = pd.read_csv(DOCS / "requirements.csv", dtype=str, keep_default_na=False)
    names = reference.table("indicators").set_index("indicator_id")["name_en"]
    told = [
        [
            row["number"],
            row["what"],
            "; ".join(f"{names[each]} (`{each}`)" for each in row["indicators"].split()),
            ", ".join(f"`{each}`" for each in row["sections"].split()),
            ", ".join(f"`{each}`" for each in row["tests"].split()),
            row["remark"],
        ]
        for row in rows.to_dict("records")
    ]
    alone = int((rows["indicators"] + rows["sections"] == "").sum())
    unproved = int((rows["tests"] == "").sum()) - alone
    others = len(rows) - alone
    lead = (
        f"The {len(rows)} requirements of the five government texts, by their numbers. {others} are answered by an "
        f"indicator or a section ({unproved} of these without a test on the synthetic city), "
        f"{alone} only by a person or by a table that is not among those of the package. Sections are functions of "
        "`ohstats.sections`; indicators are documented in [indicators.md](indicators.md)."
    )
    made = "Made by `python tools/make_requirements.py` from `docs/requirements.csv`; do not edit by hand."
    return "\n\n".join(["# Requirements", made, lead, dictionary.as_table(HEADER, told)]) + "\n"


if __name__ == "__main__":
    (DOCS / "requirements.md").write_text(document(), encoding="utf-8")
