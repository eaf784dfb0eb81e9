"""What the reports of one place read, and nothing beyond it: a file per place, another that all places share, a digest of both.

The protect step writes them. A report opens two small files whatever the size of the data set, and is made again only when
its digest changed: when the protected counts of its place did, or what stands beside them.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import files, outlines, periods, reference
from .dataset import Cover, Dataset
from .errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Lists = Mapping[str, pd.DataFrame]

_SCHEMA = 2
_SHARED, _DIGESTS = "shared.json", "digests.json"
_ABOUT = ("id", "titles", "publishers", "data_date", "published", "synthetic")


@dataclass(frozen=True)
class Slice:
    """Protected counts of a place with all that stands beside them; `dataset` knows of its places only what a report needs."""

    dataset: Dataset
    place: dict[str, str]
    counts: pd.DataFrame
    statistics: pd.DataFrame
    lists: dict[str, pd.DataFrame]  # internal edition only
    context: pd.DataFrame
    indicators: pd.DataFrame
    targets: pd.DataFrame
    breaks: pd.DataFrame
    unsettled: bool  # whether rows in quarantine could change its verdict
    beside: dict[str, Any]  # of `regions.beside`
    design: dict[str, Any]  # what a place of its size publishes: `summary`, `block`
    declared: dict[str, str] | None  # by whom yearly totals were declared public
    rules: str
    digest: str
    below: tuple[Slice, ...] = ()  # of the places right below, where there is an overview
    outlines: dict[str, list[Any]] | None = None  # of those places, from the user's map


class Slices:
    """The slices of a data set, as bytes; the same counts and tables give the same bytes."""

    def __init__(
        self, counts: pd.DataFrame, chosen: Dataset, facts: Mapping[str, Any], statistics: pd.DataFrame, lists: Lists
    ) -> None:
        self._chosen, self._unsettled = chosen, frozenset(facts["unsettled"])
        self._beside: dict[str, dict[str, Any]] = facts.get("beside") or {}
        self._designs: dict[str, dict[str, Any]] = facts.get("places") or {}
        self._names = {row["code"]: row for row in chosen.places.to_dict("records")}
        targets = reference.table("targets", chosen.folder)
        breaks = reference.table("breaks", chosen.folder).sort_values("first_period_after", kind="stable")
        context = counts["counts"] == "context"
        self._outlines = outlines.read(chosen)
        self._targets = _Rows(targets, targets["jurisdiction_code"])
        self._breaks = _Rows(breaks, breaks["scope"] + " " + breaks["place"])
        self._counts = _Rows(counts[~context], counts.loc[~context, "place"])
        self._statistics = _Rows(statistics, statistics["place"])
        self._lists = {name: _Rows(rows, rows["place"]) for name, rows in lists.items()}
        self.shared = _bytes(
            {
                "schema": _SCHEMA,
                "about": {name: getattr(chosen, name) for name in _ABOUT},
                "span": str(chosen.span),
                "rules": str(facts["rules"]),
                "declared": facts.get("yearly_total"),
                "context": _packed(counts[context]),
                "places": self._rows(counts.loc[context, "place"].unique()),
                "indicators": _packed(reference.table("indicators", chosen.folder, key="indicator_id")),
            }
        )

    def of(self, code: str) -> bytes:
        """The slice of a place; those of the places right below it go with it, so that it changes when one of them does."""
        below = self._chosen.below.get(code, ())
        told = self._own(code)
        if below:
            told["below"] = [{**self._own(each), "lists": {}} for each in below]
            told["outlines"] = {each: self._outlines[each] for each in below if each in self._outlines}
        return _bytes(told)

    def _own(self, code: str) -> dict[str, Any]:
        chain = self._chosen.ancestors(code)
        return {
            "place": code,
            "unsettled": code in self._unsettled,
            "beside": self._beside.get(code, {}),
            "design": self._designs.get(code, {}),
            "places": self._rows(chain),
            "counts": self._counts.of(code),
            "statistics": self._statistics.of(code),
            "lists": {name: rows.of(code) for name, rows in self._lists.items()},
            "targets": self._targets.of(*chain),
            "breaks": self._breaks.of(f"place {code}", *(f"below {each}" for each in chain)),
        }

    def _rows(self, codes: Any) -> list[dict[str, Any]]:
        return [self._names[code] for code in codes if code in self._names]


def write(
    counts: pd.DataFrame, chosen: Dataset, facts: Mapping[str, Any], folder: Path, *, statistics: pd.DataFrame, lists: Lists
) -> None:
    """Write the slices of all places that have a report; those that stayed as they were are not touched.

    A slice that cannot be written is left out: the reports of its place will say so, the others are made.

    Raises
    ------
    OSError
        None could be written.
    """
    made = Slices(counts, chosen, facts, statistics, lists)
    files.private(folder)
    (folder / _DIGESTS).unlink(missing_ok=True)  # until all is there, nothing is
    files.write_bytes(made.shared, folder / _SHARED)
    digests, failed = {}, None
    for code in chosen.opened:
        content = made.of(code)
        try:
            _write_changed(content, folder / f"{code}.json")
        except OSError as error:
            failed = error
            continue
        digests[code] = _digest(made.shared, content)
    if failed and not digests:
        raise failed
    for stray in folder.glob("[1-9]*.json"):
        if stray.stem not in chosen.opened:
            stray.unlink()
    files.write_json(digests, folder / _DIGESTS)


def _write_changed(content: bytes, path: Path) -> None:
    if not path.exists() or path.read_bytes() != content:
        files.write_bytes(content, path)


def digests(folder: Path) -> dict[str, str]:
    """Digest of the slice of each place; a slice that is not as it was written has none."""
    told: dict[str, str] = files.read_json(folder / _DIGESTS) or {}
    try:
        shared = (folder / _SHARED).read_bytes()
    except OSError:
        return {}
    return {code: digest for code, digest in told.items() if _holds(shared, folder / f"{code}.json", digest)}


def _holds(shared: bytes, path: Path, digest: str) -> bool:
    try:
        return _digest(shared, path.read_bytes()) == digest
    except OSError:
        return False


def read(folder: Path, data_dir: Path, code: str, digest: str) -> Slice:
    """The slice of a place.

    Raises
    ------
    FileRefused
        It cannot be read, or is not the one whose digest is given.
    """
    try:
        shared, own = (folder / _SHARED).read_bytes(), (folder / f"{code}.json").read_bytes()
    except OSError as error:
        raise FileRefused("The protected counts of {code} cannot be read. Run: ohstats protect", code=code) from error
    if _digest(shared, own) != digest:
        raise FileRefused("The protected counts of {code} are not those that were written. Run: ohstats protect", code=code)
    return unpack(shared, own, data_dir)


def unpack(shared: bytes, own: bytes, data_dir: Path) -> Slice:
    """A slice from its bytes."""
    common, told = json.loads(shared), json.loads(own)
    common |= {"context": _unpacked(common["context"]), "indicators": _unpacked(common["indicators"])}
    digest = _digest(shared, own)
    below = tuple(_slice(common, each, data_dir, digest) for each in told.get("below", ()))
    return replace(_slice(common, told, data_dir, digest), below=below, outlines=told.get("outlines"))


def _slice(common: dict[str, Any], told: dict[str, Any], data_dir: Path, digest: str) -> Slice:
    places = pd.DataFrame([*told["places"], *common["places"]]).drop_duplicates("code", ignore_index=True)
    code = told["place"]
    return Slice(
        dataset=Dataset(
            folder=data_dir, places=places, covers=(Cover("", (code,), periods.parse(common["span"])),), **common["about"]
        ),
        place={key: str(value) for key, value in told["places"][0].items()},
        counts=_unpacked(told["counts"]),
        statistics=_unpacked(told["statistics"]),
        lists={name: _unpacked(rows) for name, rows in told["lists"].items()},
        context=common["context"],
        indicators=common["indicators"],
        targets=_unpacked(told["targets"]),
        breaks=_unpacked(told["breaks"]),
        unsettled=told["unsettled"],
        beside=told["beside"],
        design=told["design"],
        declared=common["declared"],
        rules=common["rules"],
        digest=digest,
    )


def _digest(shared: bytes, own: bytes) -> str:
    return hashlib.sha256(_head(shared) + own).hexdigest()[:32]


@lru_cache(maxsize=1)  # thousands of slices share it
def _head(shared: bytes) -> bytes:
    return hashlib.sha256(shared).digest()


def _bytes(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _lists(frame: pd.DataFrame) -> list[list[Any]]:
    """Columns as plain values, missing ones as None."""
    return [column.astype(object).where(column.notna(), None).tolist() for _name, column in frame.items()]


def _packed(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {"names": list(frame.columns), "types": [str(kind) for kind in frame.dtypes], "values": _lists(frame)}


def _unpacked(told: dict[str, list[Any]]) -> pd.DataFrame:
    columns = zip(told["names"], told["types"], told["values"], strict=True)
    return pd.DataFrame({name: pd.array(values, dtype=kind) for name, kind, values in columns}, copy=False)


class _Rows:
    """A frame taken apart once, whose rows are then found by their keys."""

    def __init__(self, frame: pd.DataFrame, keys: pd.Series[str]) -> None:
        self._empty = _packed(frame.head(0))
        self._rows = list(zip(*_lists(frame), strict=True))
        self._at: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(keys):
            self._at[key].append(number)

    def of(self, *keys: str) -> dict[str, list[Any]]:
        """The rows with one of these keys, in their order."""
        rows = [self._rows[number] for number in sorted(number for key in keys for number in self._at.get(key, ()))]
        return {**self._empty, "values": [list(column) for column in zip(*rows, strict=True)] or self._empty["values"]}
