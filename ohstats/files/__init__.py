"""The only module that reads and writes data files: text tables, descriptions, Parquet; each write is whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from ..errors import FileRefused

if TYPE_CHECKING:
    from pathlib import Path


def read_bytes(path: Path) -> bytes:
    """Content of a file of a data set.

    Raises
    ------
    FileRefused
        The file is missing or cannot be read; the folder's files are listed.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        there = ", ".join(sorted(each.name for each in path.parent.glob("*"))[:20]) if path.parent.is_dir() else "-"
        raise FileRefused(
            "{file} cannot be read. The folder {folder} holds: {there}.", file=path.name, folder=path.parent.name, there=there
        ) from error


def decode(content: bytes, name: str) -> tuple[str, str]:
    """Text and its encoding: by byte-order mark, else strict UTF-8, else GB18030.

    Raises
    ------
    FileRefused
        The bytes are text in none of them.
    """
    marks = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
    marked = [encoding for mark, encoding in marks if content.startswith(mark)]
    for encoding in marked or ("utf-8", "gb18030"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise FileRefused("{file} is not a text file in UTF-8, UTF-16 or GB18030. Save it as CSV (UTF-8).", file=name)


def read_text_table(path: Path) -> tuple[pd.DataFrame, str]:
    """All cells of a CSV file as text, with the row number of the file in the column `row`, and the encoding.

    Row 1 is the header, as a spreadsheet counts. Lines that hold nothing are left out.

    Raises
    ------
    FileRefused
        No header, a header twice or one of our own names, rows with more cells than the header (all of them are listed), or
        quotes that do not match, which would swallow the rows after them.
    """
    text, encoding = decode(read_bytes(path), path.name)
    lines: list[list[str]] = []
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FileRefused(
            "{file}: the double quotes of row {row} do not match; inside quoted text write a quote twice.",
            file=path.name, row=len(lines) + 1,
        ) from error  # fmt: skip
    if not lines or not any(cell.strip() for cell in lines[0]):
        raise FileRefused("{file} has no header in its first row.", file=path.name)
    header = [cell.strip() for cell in lines[0]]
    if "row" in header:
        raise FileRefused("{file}: the header 'row' is taken; give the column another name.", file=path.name)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise FileRefused("{file}: the header holds {names} twice.", file=path.name, names=", ".join(twice))
    numbered = [(number, line) for number, line in enumerate(lines[1:], start=2) if any(cell.strip() for cell in line)]
    long = [str(number) for number, line in numbered if len(line) > len(header)]
    if long:
        raise FileRefused(
            "{file}: rows {rows} hold more cells than the header; put text with commas in double quotes.",
            file=path.name,
            rows=", ".join(long[:20]),
        )
    unnamed = [place for place, name in enumerate(header) if not name]
    stray = [str(number) for number, line in numbered if any(line[place : place + 1] not in ([], [""]) for place in unnamed)]
    if stray:
        raise FileRefused(
            "{file}: rows {rows} hold values in a column without a header.", file=path.name, rows=", ".join(stray[:20])
        )
    cells = [line + [""] * (len(header) - len(line)) for _number, line in numbered]
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype="str").drop(columns=unnamed)
    frame.columns = pd.Index([name for name in header if name])
    frame.insert(0, "row", [number for number, _line in numbered])
    return frame, encoding


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast where libyaml is there


def read_yaml(path: Path) -> Any:
    """Content of a YAML file.

    Raises
    ------
    FileRefused
        It is no YAML; the line is named.
    """
    text, _encoding = decode(read_bytes(path), path.name)
    with suppress(yaml.YAMLError):
        return yaml.load(text, _LOADER)  # noqa: S506  a safe one, either way
    try:
        return yaml.safe_load(text)  # which names the line better
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FileRefused("{file}, line {line}: this is not valid YAML.", file=path.name, line=line) from error


def write_bytes(content: bytes, path: Path) -> None:
    """Write beside and rename, so that a reader never meets half a file; what a kill left beside is written over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text with plain line ends."""
    write_bytes(text.encode("utf-8"), path)


def write_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys, so that the same value gives the same bytes."""
    write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", path)


def read_json(path: Path) -> Any:
    """Content of a JSON file, None when there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(buffer.getvalue(), path)


def read_parquet(path: Path, filters: list[tuple[str, str, Any]] | None = None) -> pd.DataFrame:
    """Rows of a Parquet file that pass `filters`."""
    return pd.read_parquet(path, filters=filters)


def private(folder: Path, *, ignored: bool = False) -> Path:
    """Make a folder that only its owner can open, also where it was opened to others since; git leaves an `ignored` one alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    if ignored and not (folder / ".gitignore").exists():
        write_text("*\n", folder / ".gitignore")
    return folder


def content_hash(*paths: Path) -> str:
    """SHA-256 over names and bytes of files, folders walked in order; line ends of text do not matter."""
    digest = hashlib.sha256()
    for path in paths:
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for each in inside:
            if "__pycache__" in each.parts or each.name.startswith("."):
                continue
            digest.update(each.relative_to(path.parent).as_posix().encode())
            digest.update(b"\0" + each.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()
