"""Health examinations: one summary row per employer and year, individual cards of the employers that upload them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import people
from .places import institutions
from .plan import hazard_classes
from .rows import Table, between, join, lookup, only, pick, share_out, within_year, yes
from .suspects import PERSON

if TYPE_CHECKING:
    from numpy.random import Generator

    from .employers import Figures
    from .plan import City, District
    from .rows import Whole

_EMPLOYER = ("employer_name", "employer_uscc", "township", "industry_code", "enterprise_size")
_CONCLUSIONS = lookup(["suspected", "contraindication", "recheck", "other_disease", "normal"])


def make(city: City, district: District, frame: Table, suspects: Table, figures: Figures, year: int) -> tuple[Table, Table]:
    """Individual cards and summary rows of a year; the summaries add up to `persons_examined` and to the suspected cards."""
    draw = city.draw(50, district.number, year)
    firms = frame.take((frame["exam_due"] > 0) & ~frame["cancelled"])
    seen = suspects.take((suspects["source"] == "health_exam") & (suspects["_year"] == year))
    whole = (figures.get("persons_examined", district, year) or (0, 0))[0]
    rows = _summary(city, draw, district, firms, seen, whole, year)
    return _cards(city, draw, district, rows.take(np.arange(len(firms))), firms, seen, year), rows


def _summary(city: City, draw: Generator, district: District, firms: Table, seen: Table, whole: int, year: int) -> Table:
    told, places = city.words["exams"], lookup(institutions(city, district, "health_exam"))
    size = len(firms)
    main = lookup(hazard_classes()[trade["hazards"][0]] for trade in city.words["trades"])
    quarters = lookup(f"{year}Q{number}" for number in (1, 2, 3, 4))
    first = Table(
        size, **firms.only(_EMPLOYER), exam_type="in_service", due=firms["exam_due"], examined=firms["examined"],
        period=quarters[between(draw, 0, 3, size)], hazard_class=main[firms["trade"]],
        exam_institution=places[pick(draw, [1.0] * len(places), size)],
    )  # fmt: skip
    kinds = np.repeat(["pre_placement", "exit"], 4 * len(places)).astype(object)
    n = share_out(max(0, whole - int(firms["examined"].sum())), np.where(kinds == "exit", 3.0, 7.0))
    others = Table(
        len(kinds), exam_type=kinds, due=n, examined=n, period=np.tile(np.repeat(quarters, len(places)), 2),
        exam_institution=np.tile(places, 8),
    )  # fmt: skip
    rows = join([first, others.take(n > 0)])
    examined = rows["examined"].astype(np.int64)
    suspected = _suspected(firms, seen, examined)
    bad = draw.binomial(examined - suspected, told["contraindication"] / 100)
    return rows.but(
        employer_division=district.code, exam_year=year, suspected_n=suspected, contraindicated_n=bad, note=city.words["note"],
        recheck_n=draw.binomial(examined - suspected - bad, told["recheck"] / 100),
        removed_n=draw.binomial(bad, told["removed"] / 100),
    )  # fmt: skip


def _suspected(firms: Table, seen: Table, examined: Whole) -> Whole:
    """Suspected cases by row: at the employer of the card; those of absent employers among persons who enter or leave."""
    made = np.zeros(len(examined), dtype=np.int64)
    at = {firm: row for row, firm in enumerate(firms["firm"].tolist())}
    loose = 0
    for firm in seen["_firm"].tolist():
        row = at.get(firm, -1)
        if row >= 0 and made[row] < examined[row]:
            made[row] += 1
        else:
            loose += 1
    free = examined - made
    for row in np.argsort(-free, kind="stable").tolist():
        part = min(loose, int(free[row]))
        made[row] += part
        loose -= part
    return made


def _cards(city: City, draw: Generator, district: District, rows: Table, firms: Table, seen: Table, year: int) -> Table:
    """Individual cards of some employers: as many of each conclusion as their summary rows say, less what is not uploaded."""
    told = city.words["exams"]
    most = told["cards"]["small" if city.small else "full"]
    examined = firms["examined"].astype(np.int64)
    order = np.argsort(draw.random(len(firms)), kind="stable")
    order = order[(examined[order] > 0) & (examined[order] <= most // 2)]
    order = order[np.cumsum(examined[order]) <= most]
    firms, rows, examined = firms.take(order), rows.take(order), examined[order]
    parts = np.stack([rows[name].astype(np.int64) for name in ("suspected_n", "contraindicated_n", "recheck_n")], axis=1)
    rest = examined - parts.sum(axis=1)
    other = draw.binomial(rest, told["other_disease"] / 100)
    parts = np.column_stack([parts, other, rest - other])
    at = np.repeat(np.arange(len(firms)), examined)
    conclusion = np.repeat(np.tile(np.arange(5), len(firms)), parts.ravel())
    quarter = np.array([int(text[-1]) for text in rows["period"]], dtype=np.int64)
    day = 91 * quarter[at] - between(draw, 20, 88, len(at))
    who = _persons(city, draw, district, firms["firm"][at], conclusion == 0, within_year(draw, year, len(at), 0, 0) + day, seen)
    kept = (who["_known"] | yes(draw, told["uploaded"], len(at))).astype(bool)
    active = yes(draw, 30, len(firms))
    shown = _findings(city, draw, firms["trade"][at], conclusion, who)
    serial = np.arange(len(at)) - np.repeat(np.cumsum(examined) - examined, examined) + 1
    number = zip(firms["firm"][at], serial, strict=True)
    cards = Table(
        len(at), exam_id=lookup(f"TJ{district.code}-{year}-{a:04d}-{b:03d}" for a, b in number), **who.columns,
        **{name: firms[name][at] for name in _EMPLOYER}, **shown, employer_division=district.code,
        exam_type="in_service", exam_institution=rows["exam_institution"][at], conclusion=_CONCLUSIONS[conclusion],
        monitor_type=np.where(active, "active", "routine")[at], recheck_flag=conclusion == 2, note=city.words["note"],
        report_date=np.minimum(who["exam_date"] + between(draw, 7, 30, len(at)), city.last_day), _year=year,
        _firm=firms["firm"][at],
    )  # fmt: skip
    return cards.take(kept)


def _persons(city: City, draw: Generator, district: District, firm: Whole, ill: Any, date: Any, seen: Table) -> Table:
    """Persons examined; those suspected are the persons of the suspected cards of their employer, as far as there are any."""
    size = len(firm)
    age = 20 + 38 * draw.random(size)
    born = people.born_before(date, age)
    who = people.persons(city, draw, "exams", district, yes(draw, 78, size), born)
    exposed = np.floor(10 * (age - 18.5) * (0.1 + 0.7 * draw.random(size))) / 10
    waiting: dict[int, list[int]] = {}
    for row, number in enumerate(seen["_firm"].tolist()):
        waiting.setdefault(number, []).append(row)
    pairs = [(row, waiting[number].pop(0)) for row, number in enumerate(firm.tolist()) if ill[row] and waiting.get(number)]
    mine, theirs = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    disease, known = np.full(size, "", dtype=object), np.zeros(size, bool)
    if len(mine):
        for name in PERSON:
            who[name][mine] = seen[name][theirs]
        disease[mine], known[mine] = seen["disease_id"][theirs], True
        exposed[mine] = np.floor(seen["_months"][theirs].astype(float) / 1.2) / 10
        date[mine] = np.maximum(seen["found_date"][theirs] - 3, date[mine].astype("datetime64[Y]").astype("datetime64[D]"))
    years = {"exposure_years": np.char.mod("%.1f", exposed), "work_years": np.char.mod("%.1f", exposed + 1.5)}
    return Table(size, **who, exam_date=date, **years, suspected_disease=disease, _known=known)


def _findings(city: City, draw: Generator, trade: Whole, conclusion: Whole, who: Table) -> dict[str, Any]:
    """Hazards, post, chest film of those exposed to dust, hearing of those exposed to noise."""
    trades, size, ill = city.words["trades"], len(trade), conclusion == 0
    dust = np.array([any(name.endswith("dust") for name in each["hazards"]) for each in trades])[trade]
    noise = np.array(["noise" in each["hazards"] for each in trades])[trade]
    deaf = ill & np.isin(who["suspected_disease"], ["noise_deafness", ""])
    hearing = np.where(deaf, 42 + 15 * draw.random(size), 12 + 22 * draw.random(size))
    texts = city.words["texts"]["xray"]
    posts = lookup(post for each in trades for post in each["posts"])
    return {
        "hazards": lookup("|".join(each["hazards"]) for each in trades)[trade],
        "job_type": posts[3 * trade + between(draw, 0, 2, size)],
        "xray": only(dust, np.where(ill & ~deaf, texts["suspected"], texts["normal"]).astype(object)),
        "hf_avg_db": only(noise, np.char.mod("%.0f", hearing).astype(object)),
    }
