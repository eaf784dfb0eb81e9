"""The gate reads a finished folder and refuses whatever may not be published, whoever put it there."""

from __future__ import annotations

import base64
import getpass
import gzip
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest
from datasets import case_rows, prepared, report, write
from openpyxl import Workbook

from ohstats import dataset, disclosure, gate, secret, site
from ohstats.errors import NotPublishable
from ohstats.gate import identifiers
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "en/990001_trend.html"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that passes."""
    root = tmp_path_factory.mktemp("gate")
    folder, workspace = write(root / "data", cases=case_rows({2015: 12, 2016: 9})), Workspace.at(root / "work")
    prepared(folder, workspace)
    return site.build([report(folder, workspace)], [dataset.load(folder)], workspace, "public").parent


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "site")


def findings(folder: Path) -> list[str]:
    with pytest.raises(NotPublishable) as refused:
        gate.check(folder)
    first, *lines = str(refused.value).splitlines()
    assert first == f"Nothing was published: {len(lines)} findings."
    return [line.strip() for line in lines]


def test_what_the_gate_remembers_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, pages = identifiers.Wanted(), [f"<p>text {number}</p>".encode() for number in range(20)]
    wanted.add(["张三丰"])
    monkeypatch.setattr(identifiers, "_MOST_READ", 3)
    assert {kind for page in pages for kind in identifiers.findings(page, wanted)} == set()
    assert len(wanted.read) == 3
    assert identifiers.findings("张三丰".encode(), wanted) == {"a name or address of the input"}


def test_a_site_as_it_is_built_passes(good: Path) -> None:
    gate.check(good)


@pytest.mark.parametrize(
    ("planted", "finding"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ("<SCRIPT SRC=//x.example/a.js></SCRIPT>", "<script>"),
        ('<p onclick="x()">a</p>', "<p onclick>"),
        ('<svg><path d="M0" onload="x()"/></svg>', "<path onload>"),
        ("<svg><script>x</script></svg>", "<script>"),
        ("<svg><foreignObject></foreignObject></svg>", "<foreignobject>"),
        ("<svg><style>a{}</style></svg>", "<style>"),
        ('<svg><use xlink:href="https://x.example/a.svg#b"/></svg>', "<use xlink:href> with a foreign address"),
        ('<svg><rect fill="url(https://x.example/a#b)"/></svg>', "<rect fill> with an address"),
        ('<svg><g clip-path="URL( https://x.example/a#b)"></g></svg>', "<g clip-path> with an address"),
        ('<svg><g style="fill:u\\72l(//x.example/a)"></g></svg>', "<g style> with an address"),
        ("<iframe></iframe>", "<iframe>"),
        ("<object></object>", "<object>"),
        ("<form><input></form>", "<form>"),
        ('<img src="https://x.example/a.png">', "<img>"),
        ('<link rel="stylesheet" href="https://x.example/a.css">', "<link>"),
        ('<base href="https://x.example/">', "<base>"),
        ('<meta http-equiv="refresh" content="0;url=https://x.example/">',
         "<meta http-equiv> that is not the one Content-Security-Policy"),
        ('<style>@font-face{font-family:a;src:url("https://x.example/a.woff2")}</style>', "<style> with an address"),
        ("<style>@import '//x.example/a.css';</style>", "<style> with an address"),
        ('<p style="color:red">a</p>', "<p style>"),
        ('<a href="javascript:alert(1)">a</a>', "<a href> with a foreign address"),
        ('<a href="//x.example/">a</a>', "<a href> with a foreign address"),
        ('<a href="../../data/work/a.csv">a</a>', "<a href> with a foreign address"),
        ('<a href="data:text/html,x">a</a>', "<a href> with a foreign address"),
        ("<!-- 3 cases in 2016 -->", "a comment"),
        ("<?xml-stylesheet href='x'?>", "a processing instruction"),
        ("<!ENTITY x>", "a comment"),
        ("<p>Traceback (most recent call last):</p>", "the text 'Traceback (most recent call last)'"),
        ("<p>lib/site-packages/x</p>", "the text 'site-packages'"),
    ],
)  # fmt: skip
def test_what_is_planted_in_a_page_is_found(copy: Path, planted: str, finding: str) -> None:
    page = copy / PAGE
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", planted + "</main>"), encoding="utf-8")
    assert f"{PAGE}: {finding}" in findings(copy)


@pytest.mark.parametrize(
    "policy",
    ["", '<meta http-equiv="Content-Security-Policy" content="default-src *">',
     '<meta http-equiv="Content-Security-Policy" content="default-src *" content="{right}">'],
    ids=["none", "another", "hidden behind the right one"],
)  # fmt: skip
def test_a_page_needs_the_one_policy(copy: Path, policy: str) -> None:
    page = copy / PAGE
    text = page.read_text(encoding="utf-8")
    changed, times = re.subn(
        r"<meta content=\"[^\"]*\" http-equiv=\"Content-Security-Policy\"/>", policy.format(right=gate.pages.CSP), text
    )
    assert times == 1
    page.write_text(changed, encoding="utf-8")
    assert findings(copy) == [f"{PAGE}: no Content-Security-Policy, or another one"]


@pytest.mark.parametrize("cell", ["=cmd()", "+1+1+cmd", "@SUM(A1)", "-x", '"\t=1"', "＝1", '"\n=1"'])
def test_a_formula_cell_is_found(copy: Path, cell: str) -> None:
    path = copy / "en" / "990001_trend.csv"
    path.write_bytes(path.read_bytes() + f"headline,{cell}\n".encode())
    assert findings(copy) == ["en/990001_trend.csv: a cell that a spreadsheet takes for a formula"]


def test_numbers_below_zero_are_no_formulas(copy: Path) -> None:
    path = copy / "en" / "990001_trend.csv"
    path.write_bytes(path.read_bytes() + b"headline,-10.7,-1e-05,-3\n")
    gate.check(copy)


@pytest.mark.parametrize(
    "name",
    ["raw.csv", "en/notes.html", "en/990001_trend.parquet", "zh/990001_trend.ipynb", "assets/raw.csv", "assets/a.html", ".hidden",
     "990001_trend.html", "en/012345_trend.html", "register.csv", "en/deep/990001_trend.html"],
)  # fmt: skip
def test_a_stray_file_is_found(copy: Path, name: str) -> None:
    path = copy / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((copy / PAGE).read_bytes())
    assert findings(copy) == [f"{name}: a file of this name or kind is not published"]


def test_links_pipes_false_fonts_and_other_encodings_are_found(copy: Path) -> None:
    (copy / "en" / "990002_trend.html").symlink_to(copy / PAGE)
    (copy / "fr").symlink_to(copy / "en")
    os.mkfifo(copy / "en" / "990003_trend.csv")
    (copy / "assets" / "a.woff2").write_bytes(b"place,n\n")
    (copy / "en" / "990004_trend.json").write_bytes("病".encode("gb18030"))
    assert findings(copy) == [
        "assets/a.woff2: no font",
        "en/990002_trend.html: a file of this name or kind is not published",
        "en/990003_trend.csv: a file of this name or kind is not published",
        "en/990004_trend.json: no text in UTF-8",
        "fr: a file of this name or kind is not published",
    ]


def test_texts_of_the_machine_are_found_everywhere(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "wang-2024")
    monkeypatch.setattr("pathlib.Path.home", lambda: copy.parent / "nobody")
    for name, text in {"en/990001_trend.json": "wang-2024", "en/990001_trend.csv": str(copy.parent / "nobody")}.items():
        path = copy / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    assert findings(copy) == [
        "en/990001_trend.csv: a path, user or host name of the machine",
        "en/990001_trend.json: a path, user or host name of the machine",
        "en/990001_trend.json: no JSON",
    ]
    with pytest.raises(NotPublishable):
        gate.check(copy, secrets=("new cases",))


# Identifiers ------------------------------------------------------------------------------------------------------------
NUMBER, PHONE, NAME = "11010519491231002X", "13800138000", "欧阳测试甲"
CARDS = f"姓名,身份证号,联系电话,用人单位名称\n{NAME},{NUMBER},{PHONE},甲乙丙机械加工厂\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(text: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"Comment\0" + text) + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> gate.Wanted:
    folder = tmp_path_factory.mktemp("input")
    (folder / "cards.csv").write_bytes(CARDS.encode("gb18030"))
    return gate.collect(folder)


ENCODED = {
    "plain": lambda text: text.encode(),
    "gb18030": lambda text: text.encode("gb18030"),
    "utf-16": lambda text: text.encode("utf-16-le"),
    "entities": lambda text: "".join(f"&#x{ord(letter):x};" for letter in text).encode(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "json": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 inside a longer run": lambda text: b"abc" + base64.b64encode(b"padding " + text.encode()),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "picture": lambda text: base64.b64encode(picture(text.encode())),
    "comment of a figure": lambda text: f"<svg><!-- {text} --></svg>".encode(),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("text", [NUMBER, PHONE, NAME, "甲乙丙机械加工厂"])
def test_an_identifier_of_the_input_is_found_in_every_encoding(wanted: gate.Wanted, encoding: str, text: str) -> None:
    assert gate.identifiers.findings(b"<p>total 17, " + ENCODED[encoding](text) + b" in 2024</p>", wanted)


def test_a_number_before_the_checksum_of_a_picture_is_found(wanted: gate.Wanted) -> None:
    """The checksum may begin with a digit: then the text after the number goes on."""
    for at in range(1000):
        chunk = b"tEXtComment\0" + b"%d " % at + PHONE.encode()
        checksum = struct.pack(">I", zlib.crc32(chunk))
        if checksum[:1].isdigit():
            break
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk) - 4) + chunk + checksum + b"\0\0\0\0IEND\xaeB`\x82"
    assert gate.identifiers.findings(b'<img src="data:image/png;base64,' + base64.b64encode(body) + b'">', wanted)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_a_name_whose_two_byte_letters_are_also_plain_text_is_found(order: str) -> None:
    name = "周焕昶"  # 5468 7115 6636: bytes that any page may hold
    wanted = gate.Wanted()
    wanted.add([name])
    for start in (b"<p>17 ", b"<p>171 "):
        content = start + name.encode(order) + b" in 2024</p>"
        assert gate.identifiers.findings(content, wanted) == {"a name or address of the input"}
    assert gate.identifiers.findings(b"<p>17 in 2024</p>", wanted) == set()


@pytest.mark.parametrize("text", [NUMBER, PHONE, NAME])
@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256"])
def test_a_digest_of_an_identifier_is_found(wanted: gate.Wanted, text: str, digest: str) -> None:
    made = hashlib.new(digest, text.encode())
    for planted in (made.hexdigest().upper().encode(), base64.b64encode(made.digest())):
        assert gate.identifiers.findings(planted, wanted) == {"a digest of an identifier"}


def sheet(path: Path, rows: list[list[str]]) -> None:
    book = Workbook()
    book.active.append(["how to fill in"])
    cards = book.create_sheet("Cards")
    for row in rows:
        cards.append(row)
    book.save(path)


@pytest.mark.parametrize("kind", ["csv", "csv in gb18030", "tsv", "xlsx", "two rows of headings", "own heading", "stray quote"])
def test_identifiers_are_collected_as_cleaning_reads_files(tmp_path: Path, kind: str) -> None:
    """Headings below title lines, in any sheet, in two rows, or a data set's own; a stray quote swallows nothing."""
    firm, head = "丙丁戊铸造有限公司", ["序号", "姓名", "身份证号", "用人单位名称", "诊断日期"]
    rows = [["职业病报告卡登记表", "", "", "", ""], ["填报日期 2024", "", "", "", ""], head]
    if kind == "two rows of headings":
        rows[-1:] = [["序号", "劳动者", "", "用人单位", ""], ["", "姓名", "身份证号", "用人单位名称", "诊断日期"]]
    if kind == "own heading":
        rows[-1] = ["序号", "患者大名", "身份证号", "用人单位名称", "诊断日期"]
        (tmp_path / "headings.yml").write_text("disease_cards:\n  患者大名: name\n", encoding="utf-8")
    rows += [["1", NAME, NUMBER, firm, "2024-01-02"], ["2", "司马测乙", "", firm, "2024-01-03"]]
    if kind == "stray quote":
        rows[-2][0] = '"1'
    if kind == "xlsx":
        sheet(tmp_path / "disease_cards_2024.xlsx", rows)
    else:
        text = "\n".join(("\t" if kind == "tsv" else ",").join(row) for row in rows)
        coded = text.encode("gb18030" if "gb18030" in kind else "utf-8")
        (tmp_path / f"disease_cards_2024.{'tsv' if kind == 'tsv' else 'csv'}").write_bytes(coded)
    wanted = gate.collect(tmp_path)
    for text in (NAME, "司马测乙", NUMBER, firm):
        assert gate.identifiers.findings(f"<p>{text}</p>".encode(), wanted) or (kind == "stray quote" and text != NUMBER), text
    assert "姓名" not in wanted.runs


@pytest.mark.parametrize("text", ["110105********002X", "138****8000", NUMBER, PHONE])
def test_numbers_of_people_and_masked_ones_are_found_without_the_input(copy: Path, text: str) -> None:
    page = copy / PAGE
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", f"<p>{text}</p></main>"), encoding="utf-8")
    (found,) = findings(copy)
    assert found.startswith(f"{PAGE}: a")
    assert text not in found


def test_ordinary_pages_and_numbers_are_no_identifiers(good: Path, wanted: gate.Wanted) -> None:
    gate.check(good, wanted=wanted)
    assert gate.identifiers.findings(b"0.13800138000123 11010519491231002 138001380001", wanted) == set()


def test_one_of_ten_thousand_identifiers_is_found_wherever_it_is_planted(tmp_path: Path) -> None:
    def number(at: int) -> str:
        start = f"110105{1950 + at % 50}{1 + at % 12:02d}{1 + at % 28:02d}{at % 1000:03d}"
        return next(start + end for end in "0123456789X" if gate.identifiers.valid(start + end))

    numbers = [number(at) for at in range(10_000)]
    (tmp_path / "cards.csv").write_text("身份证号\n" + "\n".join(numbers), encoding="utf-8")
    wanted = gate.collect(tmp_path)
    forms = list(ENCODED.values())
    missed = [
        text for at, text in list(enumerate(numbers))[::33] if not gate.identifiers.findings(forms[at % len(forms)](text), wanted)
    ]
    assert missed == []


# Small counts -----------------------------------------------------------------------------------------------------------
def test_a_small_count_and_a_page_of_the_internal_edition_are_found(copy: Path) -> None:
    path = copy / "en" / "990001_trend.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["results"][0]["estimates"] = [{"unit": "cases", "value": 3.0, "numerator": 3.0}]
    path.write_text(json.dumps(told | {"edition": "internal"}), encoding="utf-8")
    assert findings(copy) == [
        f"en/990001_trend.json: {what}" for what in ("a page of the internal edition", "a small count of cases")
    ]


def test_a_protected_folder_is_never_published(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "work" / "small" / "clean"
    folder.mkdir(parents=True)
    assert findings(folder) == ["clean: a protected folder is never published"]
    assert findings(tmp_path)[0].endswith("a protected folder is never published")


def test_a_folder_with_the_key_of_persons_in_it_or_in_its_files_is_never_published(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    monkeypatch.setenv("OHSTATS_SECRET", str(key))
    assert len(secret.read()) == 32
    page = copy / PAGE
    for text in (key.read_bytes().hex(), base64.b64encode(key.read_bytes()).decode()):
        page.write_text(page.read_text(encoding="utf-8").replace("</main>", f"<p>{text}</p></main>"), encoding="utf-8")
        assert f"{PAGE}: a path, user or host name of the machine" in findings(copy)
    assert findings(tmp_path)[0].endswith(": a protected folder is never published")


def test_the_workspace_is_closed_again_when_it_was_opened_and_git_leaves_it_alone(tmp_path: Path) -> None:
    folder, workspace = write(tmp_path / "data", cases=case_rows({2015: 12})), Workspace.at(tmp_path / "work")
    for _turn in range(2):
        prepared(folder, workspace)
        site.build([report(folder, workspace)], [dataset.load(folder)], workspace, "public")
        assert workspace.work.stat().st_mode & 0o777 == workspace.register.stat().st_mode & 0o777 == 0o700
        workspace.work.chmod(0o755)
        workspace.register.chmod(0o755)
    git = ["git", "-C", str(workspace.root)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run([*git, "ls-files", "--others", "--exclude-standard"], check=True, capture_output=True, text=True)
    assert [name for name in listed.stdout.splitlines() if name.startswith("data/")] == []


@pytest.mark.parametrize("step", ["identity", "small only"])
def test_a_step_that_hides_too_little_is_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """What a broken protect step lets through, the last look does not; nothing is published and nothing registered."""
    places = [
        ("990100", "市", "City", "city", ""),
        *((code, "", f"D{code}", "county", "990100") for code in ("990101", "990102")),
    ]
    series = {"990101": 3, "990102": 120, "990100": 123}
    rows = [row for code, n in series.items() for row in case_rows(dict.fromkeys(range(2020, 2025), 100) | {2024: n}, code)]
    folder, workspace = write(tmp_path / "data", places=places, cases=rows, periods="2020..2024"), Workspace.at(tmp_path / "work")

    def weak(whole: object, *_rest: object) -> object:
        return disclosure.secondary.Secured()

    monkeypatch.setattr(disclosure.secondary, "secure", weak)
    if step == "identity":
        monkeypatch.setattr(disclosure.primary, "small", lambda figures: figures["people"] & False)
    prepared(folder, workspace)
    monkeypatch.undo()
    said = "is shown" if step == "identity" else "can be told from what is shown"
    with pytest.raises(NotPublishable, match=f"990101: a small count {said}: new_cases, total, diagnosis, 2024"):
        site.build([report(folder, workspace, code) for code in ("990101", "990102", "990100")],
                   [dataset.load(folder)], workspace, "public")  # fmt: skip
    assert not workspace.register.exists()
    assert not workspace.site("public").exists()
