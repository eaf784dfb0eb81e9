"""Disease cards for tests: a good one under the headings of an export, and what cleaning makes of changed ones."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd

from ohstats.clean import Loaded, load

if TYPE_CHECKING:
    from pathlib import Path

TODAY = "2025-06-30"
NUMBER = "320106199001011238"
GOOD = {
    "报告卡编号": "K2021000001", "姓名": "张三", "身份证件号码": NUMBER, "性别": "男", "出生日期": "1990-01-01",
    "用人单位名称": "某某矿业有限公司", "统一社会信用代码": "91320106MA1K3J9T0D", "用人单位所属地区": "320106", "行业": "B08",
    "企业规模": "小型", "具体病名": "矽肺", "尘肺期别": "壹期", "开始接害日期": "2010-03-01", "专业工龄": "8",
    "诊断日期": "2021-03-05", "诊断机构": "某市职业病防治院", "报告日期": "2021-03-10", "报告类型": "新病例", "审核状态": "终审",
}  # fmt: skip
CANONICAL = {
    "报告卡编号": "card_id", "姓名": "name", "身份证件号码": "id_number", "性别": "sex", "出生日期": "birth_date",
    "用人单位名称": "employer_name", "用人单位所属地区": "employer_division", "行业": "industry_code", "具体病名": "disease_id",
    "尘肺期别": "stage", "开始接害日期": "exposure_start", "专业工龄": "exposure_years", "诊断日期": "diagnosis_date",
    "报告日期": "report_date", "报告类型": "report_type", "统一社会信用代码": "employer_uscc",
}  # fmt: skip


def check_digit(first: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first, weights, strict=True)) % 11]


def number(serial: int, *, born: str = "19900101", area: str = "320106") -> str:
    first = f"{area}{born}{serial:03d}"
    return first + check_digit(first)


def card(serial: int = 1, **changes: str) -> dict[str, str]:
    """A card that is good but for `changes`; another `serial` is another person, a man born on the same day."""
    own = {
        "报告卡编号": f"K2021{serial:06d}",
        "身份证件号码": number(2 * serial + 1),
        "姓名": f"张{'甲乙丙丁戊己庚辛壬癸'[serial % 10]}",
    }
    return GOOD | own | changes


def cleaned(*cards: dict[str, str], identifiers: str = "keep", table: str = "disease_cards", **options: object) -> Loaded:
    made = load(pd.DataFrame(list(cards)), table=table, identifiers=identifiers, today=TODAY, **options)
    accounted(made, len(cards))
    return made


def accounted(made: Loaded, records: int | None = None) -> None:
    """Records = clean + quarantined, for every file; changed cells = counts of the audit."""
    for told in made.rows.values():
        assert told["in"] == told["clean"] + told["quarantined"]
    assert sum(told["clean"] for told in made.rows.values()) == len(made.clean)
    assert sum(told["quarantined"] for told in made.rows.values()) == len(made.quarantine)
    if records is not None:
        assert sum(told["in"] for told in made.rows.values()) == records


def rules(made: Loaded, column: str = "") -> list[str]:
    """Rules of the audit about cells and rows, of one column or of all."""
    lines = made.audit[made.audit["kind"].isin(["change", "flag"])]
    lines = lines[lines["rule"] != "coded"]
    return list(lines.loc[lines["column"] == column, "rule"]) if column else list(lines["rule"])


def as_csv(cards: list[dict[str, str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(cards[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(cards)
    return out.getvalue()


def from_file(path: Path, content: bytes | str, *, encoding: str = "utf-8", **options: object) -> Loaded:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    made = load(path, table="disease_cards", identifiers="keep", today=TODAY, **options)
    accounted(made)
    return made
