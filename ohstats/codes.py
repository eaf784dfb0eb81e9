"""Code lists with editions and validity: diseases, divisions, industries, hazards and the choices of the forms.

One file a list, `reference/codes/<list>.csv`: code, name_zh, name_en, aliases (separated by |), edition (several separated by |),
valid_from and valid_to (first and last day; blank is open), parent, columns of its own, certainty, source (a key of
`reference/code_sources.csv`). A data set's own `codes/<list>.csv` adds rows and overrides packaged ones, without code.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from . import files
from .errors import Fault, FileRefused, ParameterRefused
from .errors import nearest as resembling
from .paths import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS = ("code", "name_zh", "name_en", "aliases", "edition", "valid_from", "valid_to", "parent", "certainty", "source")
BRIDGE = "2025-08-01"
"""First day of the catalogue of occupational diseases of 2025."""

_FOLDER = REFERENCE / "codes"
_UNSEEN = re.compile("[\\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")


def lists(own: Path | None = None) -> list[str]:
    """Names of the code lists, with those that only the data set in the folder `own` has."""
    folders = [_FOLDER, *([own / "codes"] if own else [])]
    return sorted({path.stem for folder in folders for path in folder.glob("*.csv")})


def table(name: str, own: Path | None = None) -> pd.DataFrame:
    """Rows of a code list, all as text, a data set's own rows over the packaged ones.

    Parameters
    ----------
    name : str
        One of `lists(own)`.
    own : Path, optional
        Folder of a data set. Its file `codes/<name>.csv` needs only the column `code`. A row whose code (and edition, where it
        gives one) is known replaces the cells that it fills and adds its aliases; any other row is added.

    Returns
    -------
    DataFrame
        `COLUMNS` and the list's own columns; blank where nothing is known.

    Raises
    ------
    ParameterRefused
        There is no such list; the nearest names are given.
    FileRefused
        The data set's file lacks `code`, has a column that the list does not know, or a code twice.
    """
    added = _own(name, own)
    if added is None:
        return _packaged(name).copy()
    if not (_FOLDER / f"{name}.csv").is_file():
        return added
    rows = _packaged(name)
    unknown = [column for column in added.columns if column not in rows.columns]
    if unknown:
        raise FileRefused(
            "{file}: columns {columns} do not fit; the table has {known}.",
            file=f"codes/{name}.csv", columns=", ".join(unknown), known=", ".join(rows.columns),
        )  # fmt: skip
    records = rows.to_dict("records")
    for row in added.reindex(columns=rows.columns, fill_value="").to_dict("records"):
        same = [each for each in records if each["code"] == row["code"] and row["edition"] in ("", each["edition"])]
        for each in same:
            aliases = dict.fromkeys(_parts(each["aliases"]) + _parts(row["aliases"]))
            each.update({column: value for column, value in row.items() if value}, aliases="|".join(map(str, aliases)))
        if not same:
            records.append(row)
    return pd.DataFrame(records, columns=rows.columns)


def normal(text: str) -> str:
    """`text` as names are compared: NFKC, without blanks and invisible characters, lower case."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).lower()


def lookup(
    name: str, edition: str | None = None, on: str | None = None, *, to: str = "code", own: Path | None = None
) -> dict[str, str]:
    """Code by text: codes, names in both languages and aliases, as `normal` writes them.

    Parameters
    ----------
    name : str
        One of `lists(own)`.
    edition, on : str, optional
        Only rows of this edition ("2017") or valid on this day ("2024-05-31"); rows without either belong to all.
    to : str, default "code"
        Column whose values are wanted: "disease_id" for `diseases` (stable across editions), "factor_id" for `exposure_limits`.
    own : Path, optional
        Folder of a data set with its own `codes/<name>.csv`; its texts win over the packaged ones.

    Returns
    -------
    dict
        A text of several codes is left out (`ambiguous` tells them), but a text that means earlier codes and the one that
        followed them means the latter. Divisions are also found by their full name (province, city, county).

    Examples
    --------
    >>> lookup("divisions", on="2024-05-31")["110118"], "110228" in lookup("divisions", on="2024-05-31")
    ('110118', False)
    """
    return {text: codes[0] for text, codes in _meanings(name, edition, on, to, own).items() if len(codes) == 1}


def ambiguous(
    name: str, edition: str | None = None, on: str | None = None, *, to: str = "code", own: Path | None = None
) -> dict[str, list[str]]:
    """Texts that mean several codes, with these codes: what `lookup` leaves out; parameters as there."""
    return {text: codes for text, codes in _meanings(name, edition, on, to, own).items() if len(codes) > 1}


def valid(name: str, date: str, own: Path | None = None) -> set[str]:
    """Codes of the list that are valid on the day `date` ("2024-05-31")."""
    return set(_chosen(table(name, own), None, date)["code"])


def successors(name: str, edition: str | None = None, on: str | None = None, *, own: Path | None = None) -> dict[str, str]:
    """The code of today by each earlier code that went over to one code, not to several.

    Codes in use again for something else are left out too, unless `edition` or `on` (as in `lookup`) says which is meant.
    """
    rows = _chosen(table(name, own), edition, on)
    after = dict(zip(rows["code"], rows["successor"], strict=True)) if "successor" in rows else {}
    return {code: later for code, later in after.items() if later and "|" not in later and later != code}


def nearest(name: str, text: str, own: Path | None = None) -> str:
    """Up to three entries whose names or aliases resemble `text`, with their codes, as a list to print in a message."""
    shown = {row["code"]: f"{row['name_zh'] or row['name_en']} ({row['code']})" for row in table(name, own).to_dict("records")}
    texts, wanted = _meanings(name, None, None, "code", own), normal(text)
    within = sorted((known for known in texts if len(known) > 1 and known in wanted), key=len, reverse=True)
    close = [*get_close_matches(wanted, texts, n=3, cutoff=0.5), *within]
    found = dict.fromkeys(shown[code] for known in close for code in texts[known] if code in shown)
    return ", ".join([*found][:3]) or resembling(text, shown.values())


def bridge() -> pd.DataFrame:
    """What each disease is called and where it stands in the catalogues before and from `BRIDGE` on.

    Returns
    -------
    DataFrame
        disease_id, name_zh, name_en, code_2025, category_2025, code_2013, category_2013 and change: "same"; "moved" to another
        category: a series of the disease goes on, series of the two categories break; "split": one disease of 2013 became
        several, none goes on by itself; "new": not a legal occupational disease before.
    """
    rows = table("diseases").set_index("disease_id")
    old, new = (rows[rows["edition"] == edition] for edition in ("2013", "2025"))
    both = new[["name_zh", "name_en"]].assign(code_2025=new["code"], category_2025=new["category_id"])
    origin = {part: code for code, text in zip(old["code"], old["successor"], strict=True) for part in _parts(text)}
    parts = {part for text in old["successor"] if "|" in text for part in _parts(text)}
    both["code_2013"] = old["code"].reindex(both.index).fillna(both["code_2025"].map(origin)).fillna("")
    both["category_2013"] = both["code_2013"].map(old.set_index("code")["category_id"]).fillna("")
    both["change"] = (both["category_2013"] == both["category_2025"]).map({True: "same", False: "moved"})
    both.loc[both["code_2013"] == "", "change"] = "new"
    both.loc[both["code_2025"].isin(parts), "change"] = "split"
    return both.sort_values("code_2025").reset_index()


@lru_cache(maxsize=64)
def _packaged(name: str) -> pd.DataFrame:
    path = _FOLDER / f"{name}.csv"
    if not path.is_file():
        raise ParameterRefused("No table '{name}'. There are: {known}.", name=name, known=resembling(name, lists()))
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")


def _own(name: str, own: Path | None) -> pd.DataFrame | None:
    """Rows of a data set's own file, or None where it has none."""
    path = own / "codes" / f"{name}.csv" if own else None
    if path is None or not path.is_file():
        return None
    raw, _encoding = files.read_text_table(path)
    if "code" not in raw:
        raise FileRefused("{file} lacks the columns {columns}.", file=f"codes/{name}.csv", columns="code")
    rows = raw.drop(columns="row").apply(lambda column: column.str.strip())
    rows = rows.reindex(columns=list(dict.fromkeys([*COLUMNS, *rows.columns])), fill_value="")
    twice = rows.duplicated(["code", "edition"]) & (rows["code"] != "")
    faults = [Fault("row {row}: the code is blank", row=row) for row in raw.loc[rows["code"] == "", "row"]]
    faults += [Fault("row {row}: this code stands in an earlier row", row=row) for row in raw.loc[twice, "row"]]
    if faults:
        raise FileRefused("{file}: {n} problems.", file=f"codes/{name}.csv", n=len(faults), faults=faults)
    rows["source"] = rows["source"].where(rows["source"] != "", f"codes/{name}.csv")
    return rows


def _parts(text: str) -> list[str]:
    return [part for part in text.split("|") if part]


def _chosen(rows: pd.DataFrame, edition: str | None, on: str | None) -> pd.DataFrame:
    if edition is not None:
        rows = rows[[edition in _parts(text) or not text for text in rows["edition"]]]
    if on is not None:
        rows = rows[(rows["valid_from"] <= on) & ((rows["valid_to"] >= on) | (rows["valid_to"] == ""))]
    return rows


def _meanings(name: str, edition: str | None, on: str | None, to: str, own: Path | None) -> dict[str, list[str]]:
    """All codes of each text; a data set's own texts win over the packaged ones."""
    whole = table(name, own)
    if to not in whole:
        raise ParameterRefused("the table has no column {columns}", columns=to)
    found = _gather(_texts(_chosen(whole, edition, on), whole, to))
    added = _own(name, own)
    if added is not None and to in added:
        found |= _gather(_texts(_chosen(added, edition, on), added, to))
    return found


def _gather(meanings: Iterable[tuple[str, str, str]]) -> dict[str, list[str]]:
    """Codes of each text; where earlier codes and their one successor share a text, the successor alone."""
    found: dict[str, dict[str, str]] = {}
    for text, code, after in meanings:
        found.setdefault(normal(text), {})[code] = after
    return {text: [*(last if len(last := set(each.values())) == 1 < len(each) else each)] for text, each in found.items()}


def _texts(rows: pd.DataFrame, whole: pd.DataFrame, to: str) -> Iterator[tuple[str, str, str]]:
    """Each text that means a row, the value of `to`, and the code that followed it (else the value again)."""
    names = dict(zip(rows["code"], rows["name_zh"], strict=True))
    children = rows.groupby("parent")["name_zh"].agg(set)
    heirs = {code for code, below in children.items() if below == {names.get(str(code))}}  # all below bears the same name
    above = dict(zip(whole["code"], zip(whole["name_zh"], whole["parent"], strict=True), strict=True)) if "level" in whole else {}
    for row in rows.to_dict("records"):
        value, after = row[to], row.get("successor", "") if to == "code" else ""
        texts = [row["code"], value, *_parts(row["aliases"]), *([] if row["code"] in heirs else [row["name_zh"], row["name_en"]])]
        full, parent = row["name_zh"], row["parent"]
        for higher, _further in (above[parent], above.get(above[parent][1], ("", ""))) if full and parent in above else ():
            texts.append(full := higher + full)
        yield from ((text, value, after if after and "|" not in after else value) for text in texts if text and value)
