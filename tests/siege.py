"""A city of disease cards published in two yearly releases, and an attack on what then lies in the published folder.

The attacker has the files alone: tables, sentences, figures, downloads. What is true is used only to judge what was found.
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import re
import struct
import zlib
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from attack import ATOM, KEYS, Attack, World
from cards import check_digit
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from ohstats import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

CITY, FIRST, LAST = "990100", 2016, 2025
DISEASES = {"矽肺": "pneumoconiosis", "职业性噪声聋": "noise_deafness", "职业性慢性铅中毒": "chemical_poisoning"}
SHARES = (0.66, 0.24, 0.10)
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许", "炳焕铭钧鑫淼垚赟骁昶晔珩珺瑄璟禾稷菀蘅芮"
HEADS = ["报告卡编号", "姓名", "身份证件号码", "性别", "出生日期", "联系电话", "用人单位名称", "统一社会信用代码",
         "用人单位所属地区",
         "行业", "企业规模", "具体病名", "尘肺期别", "开始接害日期", "专业工龄", "诊断日期", "诊断机构",
         "报告日期", "报告类型", "审核状态"]  # fmt: skip


def city(districts: int, *, seed: int = 5) -> tuple[list[list[str]], list[str]]:
    """All cards of ten years; few in most districts, some reported in the year after their diagnosis."""
    draw = np.random.default_rng(seed)
    codes = [str(990101 + at) for at in range(districts)]
    sizes = np.r_[90.0, np.clip(draw.lognormal(np.log(5), 1.3, districts - 1), 0.2, 90)]  # one is large: its figures are drawn
    rows: list[list[str]] = []
    for code, mean in zip(codes, sizes, strict=True):
        for year in range(FIRST, LAST + 1):
            for name in draw.choice(list(DISEASES), draw.poisson(mean), p=SHARES):
                rows.append(_card(len(rows), code, year, str(name), draw))
    return rows, codes


def _card(serial: int, code: str, year: int, disease: str, draw: np.random.Generator) -> list[str]:
    diagnosed = dt.date(year, 1, 1) + dt.timedelta(days=int(draw.integers(0, 360)))
    reported = diagnosed + dt.timedelta(days=int(draw.choice([3, 40])))
    born = dt.date(1960, 1, 1) + dt.timedelta(days=serial % 9000)
    first = f"{110101 + serial // 9000 * 100:06d}{born:%Y%m%d}{serial % 997:03d}"
    name = SURNAMES[serial % 20] + GIVEN[serial // 20 % 20] + GIVEN[serial // 400 % 20]
    phone = f"139{10_000_000 + serial * 7919 % 89_999_999}"
    firm = f"{GIVEN[serial % 20]}{GIVEN[serial // 7 % 20]}{SURNAMES[serial // 20 % 20]}铸造厂"
    return [f"K{year}{serial:06d}", name, first + check_digit(first), "男", str(born), phone, firm, "", code, "B08", "小型",
            disease, "壹期" if disease == "矽肺" else "", f"{year - 12}-01-01", "10", str(diagnosed), "某市职防院", str(reported),
            "新病例", "终审"]  # fmt: skip


def write(folder: Path, cards: list[list[str]], codes: list[str], last: int) -> Path:
    """The data set of a release: cards reported until the end of a year."""
    folder.mkdir(parents=True, exist_ok=True)
    cover = {"table": "disease_cards", "places": [CITY, *codes], "periods": f"{FIRST}..{last}"}
    about = {"id": "siege", "title_en": "Siege", "title_zh": "攻击", "data_date": f"{last + 1}-02-01", "covers": [cover]}
    (folder / "dataset.yml").write_text(yaml.safe_dump(about, allow_unicode=True), encoding="utf-8")
    places = [["code", "name_zh", "name_en", "level", "parent"], [CITY, "试验市", "Trial City", "city", ""]]
    places += [[code, f"第{code}区", f"District {code}", "county", CITY] for code in codes]
    there = [card for card in cards if card[17][:4] <= str(last)]
    for name, rows in (("places", places), ("disease_cards", [HEADS, *there])):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        (folder / f"{name}.csv").write_text(out.getvalue(), encoding="utf-8")
    return folder


def released(cards: list[list[str]], *, seed: int = 7) -> tuple[list[list[str]], list[list[str]]]:
    """Cards of the first yearly release, and of the second: a year more, some that came late, some withdrawn."""
    fate = np.random.default_rng(seed).random(len(cards))
    early = [card for card, chance in zip(cards, fate, strict=True) if card[17][:4] < str(LAST) and chance > 0.02]
    return early, [card for card, chance in zip(cards, fate, strict=True) if chance < 0.99 and card[17][:4] <= str(LAST)]


def world(cards: list[list[str]], codes: list[str]) -> World:
    """What is true: cases by district, year, category and year basis."""
    rows = [
        (card[8], card[at][:4], basis, DISEASES[card[11]]) for card in cards for at, basis in ((15, "diagnosis"), (17, "report"))
    ]
    counted = pd.Series(rows).value_counts()
    grid = pd.MultiIndex.from_product(
        [codes, [str(y) for y in range(FIRST, LAST + 1)], ["diagnosis", "report"], DISEASES.values()]
    )
    filled = pd.Series({key: int(counted.get(key, 0)) for key in grid})
    atoms = [("new_cases", "n", place, year, basis, key, "", n) for (place, year, basis, key), n in filled.items()]
    up = {row["key"]: row["parent"] for row in reference.table("categories").to_dict("records")}
    return World(pd.DataFrame(atoms, columns=[*ATOM, "n"]), dict.fromkeys(codes, CITY), up)


# Reading what is published ------------------------------------------------------------------------------------------------
Figure = tuple[str, str, float]  # period, category, number (NaN for a star)


class _Tables(HTMLParser):
    """Cells of all tables of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables:
            self.tables[-1][-1].append("")
        self.cell = tag in ("td", "th") or (self.cell and tag not in ("table", "tr"))

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in ("td", "th", "table")

    def handle_data(self, data: str) -> None:
        if self.cell and self.tables:
            self.tables[-1][-1][-1] += data


def told(folder: Path, code: str) -> list[Figure]:
    """Every number of new cases that the English page of a place tells, from all of its parts; NaN for a star."""
    found: list[Figure] = []
    for path in sorted((folder / "en").glob(f"{code}_trend.*")):
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            found += _of_rows(csv.DictReader(io.StringIO(text)))
        elif path.suffix == ".json":
            results = json.loads(text)["results"]
            found += _of_rows(row for result in results for row in result["estimates"])
            found += _of_text(" ".join(str(each) for result in results for each in [*result["sentences"], result["figure"]]))
        elif path.suffix == ".html":
            found += _of_text(re.sub(r"<[^>]+>", " ", text))
            found += _of_text(" ".join(re.findall(r'aria-label="([^"]*)"', text)))
            found += [each for svg in re.findall(r"<svg.*?</svg>", text, re.S) for each in of_figure(svg)]
            page = _Tables()
            page.feed(text)
            found += [each for table in page.tables for each in _of_table(table)]
    return found


def _of_rows(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, float]]:
    for row in rows:
        period = str(row.get("period") or row.get("year") or "").removesuffix(".0")
        if row.get("unit") != "cases" or not period or row.get("group") or row.get("measure") not in (None, "", "new_cases"):
            continue
        star = str(row.get("hidden")) == "True" or row.get("state") == "hidden"
        numbers = [row.get(name) for name in ("value", "numerator", "lower", "upper") if row.get(name) not in (None, "")]
        if star and numbers:
            yield period, row.get("key") or "total", float(numbers[0])
        elif numbers or star:
            yield period, row.get("key") or "total", float(numbers[0]) if numbers else np.nan


def _of_text(text: str) -> Iterator[tuple[str, str, float]]:
    when, number = r"(?<![\d\u2013])((?:19|20)\d\d(?:\u2013(?:19|20)\d\d)?)(?![\d\u2013])", r"(\d[\d,]*)"
    for match in re.finditer(rf"{number} (?:new )?(?:cases? )?in {when}|{when}: {number} (?:new )?cases?", text):
        one, year, other, n = match.groups()
        yield (year or other).replace("\u2013", ".."), "total", float((one or n).replace(",", ""))


def of_figure(svg: str) -> Iterator[tuple[str, str, float]]:
    """Marks of a figure, by the labels of its axes: a mark at a whole number of cases tells that number."""
    ticks: dict[str, list[tuple[float, float]]] = {"x": [], "y": []}
    for axis, part in re.findall(r'-(x|y)tick_\d+">(.*?</text>)', svg, re.S):
        at, label = re.search(r'<use[^>]* x="([\d.]+)"[^>]* y="([\d.]+)"', part), re.search(r">([\d,]+)</text>", part)
        if at and label:
            ticks[axis].append((float(at[1 if axis == "x" else 2]), float(label[1].replace(",", ""))))
    if min(map(len, ticks.values())) < 2:
        return
    scale = {axis: np.polyfit(*zip(*each, strict=True), 1) for axis, each in ticks.items()}
    body = svg[max(match.end() for match in re.finditer(r"-[xy]tick_\d+.*?</text>", svg, re.S)) :]
    drawn = re.findall(r'<use[^>]* x="([\d.]+)"[^>]* y="([\d.]+)"', body) + re.findall(r"[ML] ([\d.]+) ([\d.]+)", body)
    first, last = min(ticks["x"])[1], max(ticks["x"])[1]
    for x, y in drawn:
        year, n = np.polyval(scale["x"], float(x)), np.polyval(scale["y"], float(y))
        if first - 2 < year < last + 2 and n > 0.5 and max(abs(year - round(year)), abs(n - round(n))) < 0.01:
            yield str(round(year)), "total", float(round(n))


def _of_table(rows: list[list[str]]) -> Iterator[tuple[str, str, float]]:
    names = {row["name_en"].lower(): row["key"] for row in reference.table("categories").to_dict("records")}
    names |= {"all occupational diseases": "total", "new cases": "total", "cases": "total"}
    heads = [names.get(cell.strip().lower()) for cell in rows[0]] if rows else []
    for row in rows[1:]:
        period = row[0].strip().replace("\u2013", "..")
        for key, cell in zip(heads[1:], row[1:], strict=False):
            if key and re.fullmatch(r"\d{4}(\.\.\d{4})?", period) and re.fullmatch(r"\*|[\d,]+", cell.strip()):
                yield period, key, np.nan if "*" in cell else float(cell.replace(",", ""))


def published(folder: Path, truth: World) -> pd.DataFrame:
    """The figures of all pages: of each number the attacker takes the year basis that it fits, of a star that of most numbers."""
    rows = []
    for code in sorted({path.name[:6] for path in (folder / "en").glob("*_trend.csv")}):
        found, fits = set(told(folder, code)), {"report": set(), "diagnosis": set()}
        for period, key, value in found:
            for basis, there in fits.items():
                figure = ("new_cases", code, period, basis, key, "")
                if value == value and truth.members(figure) @ truth.atoms["n"].to_numpy() == value:
                    there.add(figure)
                    rows.append((*figure, value, False))
        main = max(fits, key=lambda each: len(fits[each]))
        rows += [("new_cases", code, period, main, key, "", value, True) for period, key, value in found if value != value]
    return pd.DataFrame(rows, columns=[*KEYS, "numerator", "hidden"]).assign(denominator=np.nan)


class Siege(Attack):
    """The attack of tests/attack.py with sparse programmes, on the atoms of one year basis at a time."""

    def possible(self, sums: np.ndarray, value: float, *, whole: bool = True) -> bool:
        """Whether a sum of atoms can have a value."""
        near = sorted(set(self.world.atoms["year_basis"][sums != 0]))
        if not hasattr(self, "made"):
            self.made: dict[tuple[str, ...], Any] = {}
        if tuple(near) not in self.made:
            here = self.world.atoms["year_basis"].isin(near).to_numpy()
            known = [row for row in self.rows.values() if row[0][here].any()] or [(here, 0.0, np.inf)]
            matrix = sparse.csr_array(np.vstack([row[0][here] for row in known]).astype(float))
            self.made[tuple(near)] = here, matrix, np.array([row[1] for row in known]), np.array([row[2] for row in known])
        here, matrix, low, high = self.made[tuple(near)]
        one = sparse.csr_array(sums[here][None, :].astype(float))
        rows = LinearConstraint(sparse.vstack([matrix, one]).tocsc(), [*low, value], [*high, value])
        return (
            milp(np.zeros(here.sum()), constraints=rows, bounds=Bounds(0, np.inf), integrality=np.full(here.sum(), whole)).x
            is not None
        )

    def told_of(self, exact: pd.DataFrame, most: int, *, seed: int = 11) -> tuple[list[str], int]:
        """Small counts of which a value can be ruled out, among `most` that were not printed; how many were tried."""
        targets = list(self.targets(exact))
        drawn = np.random.default_rng(seed).permutation(len(targets))[:most]
        lost = []
        for name, sums, limit, shown in (targets[at] for at in sorted(drawn)):
            left = [value for value in range(1, limit) if value == sums @ self.true or self.possible(sums, value)]
            if len(left) < (limit - 1 if shown else min(limit - 1, 2)):
                lost.append(f"{name} = {sums @ self.true:.0f}: only {left}")
        return lost, len(drawn)


# Identifiers ------------------------------------------------------------------------------------------------------------
def identifiers(cards: list[list[str]], most: int) -> list[str]:
    """Numbers, names, telephones and employers of the cards, spread over all of them."""
    texts = dict.fromkeys(card[at] for card in cards for at in (2, 1, 5, 6))
    return list(texts)[:: max(1, len(texts) // most)][:most]


def encoded(text: str) -> dict[str, bytes]:
    """The forms in which an identifier may lie in a file."""
    plain = text.encode()
    mask = f"{text[:6]}********{text[14:]}" if len(text) == 18 else text
    forms = {"utf-8": plain, "gb18030": text.encode("gb18030"), "utf-16-le": text.encode("utf-16-le"),
             "utf-16-be": text.encode("utf-16-be"), "base64": base64.b64encode(plain), "hex": plain.hex().encode(),
             "url": "".join(f"%{byte:02X}" for byte in plain).encode(),
             "entities": "".join(f"&#{ord(c)};" for c in text).encode(),
             "hexadecimal entities": "".join(f"&#x{ord(c):x};" for c in text).encode(), "mask": mask.encode(),
             "json": json.dumps(text)[1:-1].encode() if not text.isascii() else plain}  # fmt: skip
    return forms | {name: hashlib.new(name, plain).hexdigest().encode() for name in ("md5", "sha1", "sha256")}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "html": lambda body: b"<p>total 17, " + body + b" in 2024</p>",
    "csv": lambda body: b"2024,17," + body + b",3\n",
    "json": lambda body: b'{"n": "' + body + b'"}',
    "svg comment": lambda body: b"<svg><!-- " + body + b" --></svg>",
    "png chunk": lambda body: b'<img src="data:image/png;base64,' + base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"tEXt", b"Comment\0" + body) + _chunk(b"IEND", b"")) + b'">',
    "packed png chunk": lambda body: base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(body)) + _chunk(b"IEND", b"")),
}  # fmt: skip


class Needles:
    """A search for all forms of all identifiers at once: by their first six bytes, then by the whole."""

    def __init__(self, texts: list[str]) -> None:
        self.by: dict[bytes, set[bytes]] = {}
        for text in texts:
            forms = encoded(text)
            shifted = [base64.b64encode(b"x" * n + text.encode())[4 if n else 0 : -4] for n in range(3)]
            for form in (*forms.values(), *shifted, forms["hex"].upper(), forms["url"].lower()):
                if len(form) >= 6:
                    self.by.setdefault(form[:6], set()).add(form)
        self.starts = np.unique(np.array([int.from_bytes(start, "little") for start in self.by], dtype=np.uint64))

    def inside(self, content: bytes, depth: int = 0) -> bool:
        """Whether some bytes hold one of them, plain or packed."""
        if len(content) >= 6:
            codes = np.frombuffer(content, dtype=np.uint8).astype(np.uint64)
            starts = sum(codes[at : len(codes) - 5 + at] << np.uint64(8 * at) for at in range(6))
            for at in np.flatnonzero(np.isin(starts, self.starts)).tolist():
                if any(content.startswith(form, at) for form in self.by[content[at : at + 6]]):
                    return True
        return depth < 3 and any(self.inside(part, depth + 1) for part in self._packed(content))

    def _packed(self, content: bytes) -> Iterator[bytes]:
        for run in re.findall(rb"[A-Za-z0-9+/]{40,}={0,2}", content):
            yield base64.b64decode(run.rstrip(b"=")[: len(run.rstrip(b"=")) // 4 * 4])
        for start in [match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content)][:50]:
            try:
                yield zlib.decompressobj().decompress(content[start:], 10_000_000)
            except zlib.error:
                continue


def planted(texts: list[str], find: Callable[[bytes], bool]) -> list[str]:
    """Identifiers planted one in each form and container in turn that a search does not find."""
    missed = []
    for at, text in enumerate(texts):
        forms = encoded(text)
        form, container = list(forms)[at % len(forms)], list(CONTAINERS)[at // len(forms) % len(CONTAINERS)]
        if form == "mask" and len(text) != 18:
            form = "utf-8"
        if not find(CONTAINERS[container](forms[form])):
            missed.append(f"{form} in {container}")
    return missed
