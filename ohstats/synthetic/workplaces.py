"""Measurements at workplaces and what follows from them: inspection, correction, re-test; assistance to small firms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .places import institutions
from .rows import Table, between, highest, inside, join, lookup, only, pick, share_out, within_year, yes

if TYPE_CHECKING:
    from numpy.random import Generator

    from .employers import Figures
    from .plan import City, District
    from .rows import Days, Mask

_EMPLOYER = ("employer_name", "employer_uscc", "industry_code", "enterprise_size")
_SHORT = ("employer_name", "employer_uscc")


def measured(city: City, district: District, frame: Table, figures: Figures, year: int) -> tuple[Table, Table]:
    """Points measured in a year, as many within their limits as the aggregated figure says, and re-tests after correction.

    Returns
    -------
    tuple
        The measurements; the employers over a limit with what followed (`inspected`, `retested`, `corrected` and their days).
    """
    draw, told = city.draw(70, district.number, year), city.words["samples"]
    n_points = figures.size("workplace_monitoring_pass_rate", district, year)
    found = figures.get("workplace_monitoring_pass_rate", district, year)
    n_over = n_points - found[0] if found else round(0.12 * n_points)
    open_ = frame.take(~frame["cancelled"])
    chosen = open_.take(highest(draw.random(len(open_)) + 0.4 * (open_["group"] == 0), -(-n_points // told["points"])))
    size = len(chosen)
    effect = np.exp(told["employer_sd"] * draw.standard_normal(size))
    date = within_year(draw, year, size, 60, 245)
    at = np.repeat(np.arange(size), share_out(n_points, 0.5 + draw.random(size)))
    factors = list(city.words["factors"])
    has = np.array([[float(name in trade["hazards"]) for name in factors] for trade in city.words["trades"]])[chosen["trade"][at]]
    total = np.cumsum(has, axis=1)
    factor = (total <= (draw.random(len(at)) * total[:, -1])[:, None]).sum(axis=1)
    likely = np.array([each["over"] for each in city.words["factors"].values()])[factor] * effect[at]
    over = highest(likely / -np.log(1 - draw.random(len(at))), n_over)
    rows = _points(city, draw, chosen, at, factor, over, date[at], "monitoring", district)
    after = _followed(city, draw, chosen.but(date=date, over=np.bincount(at, weights=over, minlength=size).astype(np.int64)))
    again = over & after["retested"][at]
    fails = again & (draw.random(len(at)) * 100 >= told["retest_passes"])
    corrected = after["retested"] & (np.bincount(at, weights=fails, minlength=size) == 0)
    retests = _points(
        city, draw, chosen, at[again], factor[again], fails[again], after["retest_date"][at[again]], "retest", district
    )
    after = after.but(corrected=corrected, place=district.code, _year=year)
    return join([rows, retests]).but(_year=year), after.take(after["over"] > 0)


def _points(
    city: City, draw: Generator, chosen: Table, at: Any, factor: Any, over: Mask, date: Days, purpose: str, district: District
) -> Table:
    """Results, over their limits or not, with those below the detection limit as `<`."""
    size, factors = len(at), city.words["factors"]
    ratio = np.where(over, 1.06 + 1.2 * draw.random(size) ** 2, 0.03 + 0.42 * draw.random(size))
    level = np.where(over, 85.2 + 9 * draw.random(size) ** 1.5, 72 + 12.9 * draw.random(size))
    values = {
        "c_twa": np.full(size, "", dtype=object),
        "c_ste": np.full(size, "", dtype=object),
        "lex": np.full(size, "", dtype=object),
    }
    shown: dict[str, Any] = {
        name: np.full(size, "", dtype=object) for name in ("fraction", "free_silica_pct", "limit", "unit", "factor_id")
    }
    texts = city.words["texts"]
    for number, (name, told) in enumerate(factors.items()):
        mask = factor == number
        n, digits = int(mask.sum()), 1 if told["limit"] >= 40 else 2 if told["limit"] >= 1 else 3
        exact = level[mask] if told["field"] == "lex" else ratio[mask] * told["limit"]
        low = told.get("low", 0)
        values[told["field"]][mask] = np.where(exact < low, f"<{low:g}", np.char.mod(f"%.{digits}f", exact)).astype(object)
        if "short" in told:
            brief = np.minimum(exact * (1.1 + 0.4 * draw.random(n)), 0.95 * told["short"])
            values["c_ste"][mask] = np.where(brief < low, f"<{low:g}", np.char.mod(f"%.{digits}f", brief)).astype(object)
        shown["factor_id"][mask], shown["fraction"][mask], shown["limit"][mask] = (
            name,
            told.get("fraction", ""),
            f"{told['limit']:g}",
        )
        shown["unit"][mask] = texts["noise_unit" if told["field"] == "lex" else "silica_unit"]
        if "silica" in told:
            shown["free_silica_pct"][mask] = np.char.mod("%d", inside(draw, told["silica"], n)).astype(object)
    posts = [trade["posts"] for trade in city.words["trades"]]
    of = chosen["trade"][at]
    post = pick(draw, [1, 1, 1], size)
    service = institutions(city, district, "technical_service")[0]
    return Table(
        size, **{name: chosen[name][at] for name in _EMPLOYER}, employer_division=district.code, purpose=purpose,
        workshop=lookup(city.words["workshops"])[pick(draw, [1] * len(city.words["workshops"]), size)],
        post=lookup(posts[a][b] for a, b in zip(of, post, strict=True)), point=np.arange(size) + 1, **shown, sample_date=date,
        sampling_mode=np.where(shown["fraction"] == "", "area", "personal"), hours_per_day=8, days_per_week=5, **values,
        pass_flag=np.where(over, "fail", "pass"), service=service, note=city.words["note"], _over=over, _firm=chosen["firm"][at],
    )  # fmt: skip


def _followed(city: City, draw: Generator, after: Table) -> Table:
    """Which employers over a limit are inspected and re-tested, and when."""
    told, size = city.words["samples"], len(after)
    inspected = (after["over"] > 0) & yes(draw, told["inspected"], size)
    checked = after["date"] + inside(draw, told["inspection_days"], size)
    retested = inspected & yes(draw, told["corrected"], size)
    return after.but(
        inspected=inspected, check_date=checked, retested=retested, retest_date=checked + between(draw, 25, 55, size)
    )


def inspections(city: City, district: District, frame: Table, after: Table, figures: Figures, year: int) -> Table:
    """Checks of a year: those that follow an exceedance, violation cases as the aggregated figure says, others."""
    draw, told = city.draw(71, district.number, year), city.words["inspections"]
    n_closed, n_cases = figures.get("violation_case_handling_rate", district, year) or (0, 0)
    open_ = frame.take(~frame["cancelled"])
    size = max(round(n_cases / told["cases"] * 100), n_cases + 5)
    number, date = np.arange(size), within_year(draw, year, size, 5, 330)
    firm = pick(draw, 0.2 + open_["weight"], size)
    case, closed = number < n_cases, number < n_closed
    bad = case | yes(draw, told["problems"], size)
    complaint = ~case & yes(draw, told["complaints"], size)
    fine = case & yes(draw, told["fined"], size)
    problem = lookup(told["kinds"])[pick(draw, told["kinds"].values(), size)]
    mended = bad & ~case & yes(draw, told["mended"], size)
    kind = np.where(complaint, "complaint", lookup(told["types"])[pick(draw, told["types"].values(), size)])
    measure = np.where(fine, "rectification|fine", np.where(case, "rectification|warning", "rectification"))
    done = np.minimum(date + between(draw, 25, 34, size), city.last_day)
    rows = Table(
        size, check_type=kind, **{name: open_[name][firm] for name in _SHORT}, check_date=date, problems=only(bad, problem),
        problem_n=bad.astype(np.int64), measure=only(bad, measure.astype(object)),
        amount=only(fine & closed, 5_000 * between(draw, 1, 10, size)),
        case_no=only(case, lookup(f"{district.code}-{year}-{n + 1:03d}" for n in range(size))), filed_date=only(case, date + 3),
        closed_date=only(closed | complaint, np.minimum(date + between(draw, 5, 30, size), city.last_day)),
        due_date=only(bad & ~case, date + 30), recheck_date=only(mended, done), recheck_result=only(mended, "corrected"),
        published_flag=only(case, closed), complaint_date=only(complaint, date - between(draw, 1, 20, size)), _follows=False,
    )  # fmt: skip
    of = after.take(after["inspected"])
    again = of["retested"]
    follow = Table(
        len(of), check_type="campaign", **of.only(_SHORT), check_date=of["check_date"], problems="protection", problem_n=1,
        measure="rectification", due_date=of["check_date"] + 60,
        recheck_date=only(again, of["retest_date"] + 3),
        recheck_result=only(again, np.where(of["corrected"], "corrected", "open").astype(object)), _follows=True,
    )  # fmt: skip
    made = join([rows, follow])
    made = made.take(np.argsort(made["check_date"], kind="stable"))
    serial = lookup(f"JC{district.code}-{year}-{n + 1:04d}" for n in range(len(made)))
    return made.but(check_id=serial, object="employer", employer_division=district.code, note=city.words["note"], _year=year)


def assistance(city: City, district: District, frame: Table, year: int) -> Table:
    """Ledger of the small and medium firms assisted in a year, with one post before and after."""
    draw, told = city.draw(72, district.number, year), city.words["assistance"]
    small = frame.take(~frame["cancelled"] & (frame["enterprise_size"] != "large"))
    chosen = small.take(highest(draw.random(len(small)), int(inside(draw, told["yearly"], 1)[0])))
    n, trades, factors = len(chosen), city.words["trades"], city.words["factors"]
    noisy = np.array(["noise" in trade["hazards"] for trade in trades])[chosen["trade"]]
    factor = np.where(noisy, "noise", lookup(trade["hazards"][0] for trade in trades)[chosen["trade"]]).astype(object)
    limit = np.array([factors[name]["limit"] for name in factor], dtype=float)
    before = np.where(noisy, 84 + 10 * draw.random(n), limit * (0.7 + 1.2 * draw.random(n)))
    after = np.where(noisy, before - 9 * draw.random(n), before * (1 - 0.6 * draw.random(n)))
    day, found = within_year(draw, year, n, 20, 270), between(draw, 1, 9, n)
    return Table(
        n, **chosen.only([*_EMPLOYER, "staff", "exposed_total"]), employer_division=district.code, first_visit=day,
        expert_field=city.words["texts"]["experts"], service=lookup(told["services"])[pick(draw, [3, 3, 2, 2], n)],
        hazards_found=found, hazards_corrected=draw.binomial(found, 0.93),
        post=lookup(each["posts"][0] for each in trades)[chosen["trade"]],
        factor_id=factor, before=np.char.mod("%.3g", before), after=np.char.mod("%.3g", after),
        **{name: yes(draw, told["done"], n) for name in ("declared", "tested", "examined", "trained")},
        subsidy=1000 * between(draw, 0, 5, n), closed_date=day + between(draw, 30, 90, n), note=city.words["note"], _year=year,
    )  # fmt: skip
