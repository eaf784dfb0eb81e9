"""Sections by category of disease: counts, shares and series, trends with multiplicity, what is unusual, and the catalogues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import courses, diseases, occurrence, panels, periods, wording, wording_course
from ..display import Table
from ..language import _
from ..result import Result
from .common import detail

if TYPE_CHECKING:
    import pandas as pd

    from ..data import Data

PANELS = 8  # series in the figure of small multiples, the total among them
CATALOGUE_MONTH = (2025, 8)  # the first under the new catalogue
LARGE = 10  # cases of a category from which its diseases are named


def _star(value: float, hidden: bool, text: str) -> str:
    return "*" if hidden else text if value == value else wording.DASH


@detail
def disease_table(data: Data) -> Result:
    """Cases of the period by category, their share and the change against the year before; the largest named."""
    rows, names = diseases.latest(data), diseases.names(data)
    result = Result(id="diseases", language=data.language, title=_("By category of disease"))
    if rows.empty:
        text = _("No count by category for {period}; supply case_counts with categories as keys, or disease_cards.",
                 period=wording.period(data.period))  # fmt: skip
        if diseases.withheld(data):
            text = _("Counts by category for {period} are not shown (small numbers).", period=wording.period(data.period))
        pooled = _("Counts by category are shown in blocks of years, where they are shown: see the table by category.")
        return replace(result, sentences=[pooled if len(occurrence.by_category(data)) else text])
    cells = [
        [
            names[row["key"]] if row["above"] == diseases.TOTAL else _("of which: {name}", name=names[row["key"]]),
            _star(row["n"], row["hidden"], wording.count(row["n"])),
            _star(row["value"], row["hidden"], wording.decimal(row["value"])),
            _star(row["value"], row["hidden"], wording.interval(row["lower"], row["upper"])),
            _star(row["before"], row["hidden_before"], wording.count(row["before"])),
            _star(row["difference"], row["hidden"] or row["hidden_before"], wording.signed(row["difference"], 0)),
        ]
        for row in rows.to_dict("records")
    ]
    header = [_("Category"), _("New cases"), _("Share, %"), _("Limits (95%)"), _("Year before"), _("Difference")]
    note = _(
        "Share of all new cases of the period with Wilson limits; * is hidden (small numbers), a dash is no figure. Parts stand "
        "below the category that they belong to. Differences of small counts can be chance alone."
    )
    table = Table(
        _with_basis(data, _("New cases by category, {period}", period=wording.period(data.period)), "period"),
        header, cells, note, numeric=(1, 2, 3, 4, 5),
    )  # fmt: skip
    tops = [row for row in rows.to_dict("records") if row["above"] == diseases.TOTAL and row["n"] > 0][:3]
    said = [
        _("Largest categories: {named}.", named=_(", ").join(wording_course.category(row, names[row["key"]]) for row in tops))
    ]
    share = diseases.noise(data)
    if len(share) > 1:
        first, last = share.iloc[0].to_dict(), share.iloc[-1].to_dict()
        said.append(wording_course.noise(first, last, _with_basis(data, names[first["key"]], "trend")))
    return replace(result, sentences=said if tops else said[1:], table=table, estimates=rows)


@detail
def disease_figure(data: Data) -> Result:
    """Series of the largest categories side by side."""
    rows, names = diseases.yearly(data), diseases.names(data)
    sizes = rows[(rows["year"] == rows["year"].max()) & (rows["key"] != diseases.TOTAL)].sort_values("value", ascending=False)
    long = rows.groupby("key")["year"].nunique()
    keys = [key for key in sizes["key"] if long[key] >= courses.settings()["baseline_least"]]
    keys = diseases.distinct(data, keys)[: PANELS - 1]
    if not keys:
        return Result(id="disease-figure", language=data.language)
    drawn = rows[rows["key"].isin([*keys, diseases.TOTAL])]
    drawn = drawn.assign(order=drawn["key"].map({key: place for place, key in enumerate([diseases.TOTAL, *keys])}))
    drawn = drawn.assign(label=drawn["key"].map(names)).sort_values(["order", "year"])
    cuts = courses.crossed(data, int(drawn["year"].min()), int(drawn["year"].max()))
    title = _title(data, [key for key in keys if key in names], names)
    told = [_ends(part.to_dict("records"), label) for label, part in drawn[drawn["value"].notna()].groupby("label", sort=False)]
    figure = panels.multiples(drawn, cuts, name="diseases", title=title, alt=" ".join([title + _("."), *told]))
    return Result(id="disease-figure", language=data.language, figure=figure, estimates=drawn.drop(columns=["order", "label"]))


def _title(data: Data, keys: list[str], names: dict[str, str]) -> str:
    clear = wording_course.clear(diseases.trends(data))
    told = [_("{name}: {verdict}", name=names[row["key"]], verdict=wording.verdict(row["verdict"]))
            for row in clear[clear["key"].isin(keys)].head(3).to_dict("records")] if len(clear) else []  # fmt: skip
    if told:
        return _("{place}: {findings}", place=data.name, findings=_("; ").join(told))
    return _("{place}: no category with a clear trend", place=data.name)


def _ends(rows: list[dict[str, Any]], label: str) -> str:
    first, last = rows[0], rows[-1]
    return _(
        "{name}: {n_first} in {first}, {n_last} in {last}.",
        name=label, n_first=wording.count(first["value"]), first=first["year"],
        n_last=wording.count(last["value"]), last=last["year"],
    )  # fmt: skip


@detail
def disease_single(data: Data) -> Result:
    """Single diseases in their categories by period, and their share of the category in the latest one."""
    rows, names = diseases.single(data), diseases.names(data)
    result = Result(id="disease-single", language=data.language, title=_("Single diseases"), level=3)
    if rows.empty:
        text = _("No single disease can be told: disease_cards are missing, or the numbers are too small to be shown.")
        return replace(result, sentences=[text])
    spans = sorted(rows["period"].unique(), key=lambda text: (periods.parse(text).last_year, -periods.parse(text).first_year))
    latest = rows[rows["period"] == spans[-1]]
    lines = []
    for key, code in _by_size(rows):
        mine = rows[(rows["key"] == key) & (rows["code"] == code)]
        each = mine.set_index("period").to_dict("index")
        shown = [
            _star(each[text]["numerator"], each[text]["hidden"], wording.count(each[text]["numerator"]))
            if text in each
            else wording.DASH
            for text in spans
        ]
        last = each.get(spans[-1], {"value": float("nan"), "lower": float("nan"), "upper": float("nan"), "hidden": False})
        share = [wording.decimal(last["value"]), wording.interval(last["lower"], last["upper"])]
        shares = [_star(last["value"], last["hidden"], text) for text in share]
        name = mine["name"].iloc[0]
        lines.append([wording.explained(name, names.get(key, key)) if len(set(rows["key"])) > 1 else name, *shown, *shares])
    header = [_("Disease"), *map(wording.period_of, spans), _("Share of the category, %"), _("Limits (95%)")]
    note = _(
        "Share: of the new cases of the category in the last period, with Wilson limits; * is hidden (small numbers), a dash is "
        "no figure. Neither diseases of which no figure can be shown nor categories of one disease stand here."
    )
    table = Table(
        _with_basis(data, _("New cases of single diseases"), "trend"), header, lines, note, numeric=tuple(range(1, len(header)))
    )
    large = latest[latest["value"].notna() & (latest["denominator"] >= LARGE) & (latest["numerator"] > 0)]
    said = [
        wording_course.single(names.get(str(key), str(key)), wording.period_of(spans[-1]),
                              part.sort_values("numerator", ascending=False, kind="stable").head(3).to_dict("records"))
        for key, part in large.groupby("key", sort=False)
    ]  # fmt: skip
    return replace(result, sentences=said, table=table, estimates=rows.drop(columns="name"))


def _with_basis(data: Data, text: str, of: str) -> str:
    """With the year by which the figures of the period or of the trend count, where the report holds figures of both."""
    period, trend = occurrence.in_period(data, data.period.text)["basis"], set(occurrence.total(data)["year_basis"])
    if not period or trend == {period}:
        return text
    report = _("by report year") if "report" in ({period} if of == "period" else trend) else _("by diagnosis year")
    return wording.explained(text, report)


def _by_size(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Category and disease, the largest category first, in it the largest disease."""
    sizes = rows.groupby(["key", "code"], as_index=False, sort=False)["numerator"].sum()
    sizes["whole"] = sizes.groupby("key")["numerator"].transform("sum")
    sizes = sizes.sort_values(["whole", "key", "numerator", "code"], ascending=[False, True, False, True])
    return list(sizes[["key", "code"]].itertuples(index=False, name=None))


@detail
def disease_trends(data: Data) -> Result:
    """Annual percent change of each category over the latest unbroken window, false discoveries controlled."""
    rows, names = diseases.trends(data), diseases.names(data)
    result = Result(id="disease-trends", language=data.language, title=_("Trends by category"), level=3)
    if rows.empty:
        text = _("No trend by category: none has five settled years with a figure in the latest unbroken window.")
        return replace(result, sentences=[text])
    rows = rows.set_index("key", drop=False)
    order = [key for key in diseases.latest(data).get("key", []) if key in rows.index]
    rows = rows.loc[[*order, *(key for key in rows.index if key not in order)]]
    cells = [
        [
            names[row["key"]], wording.years(row["first_year"], row["last_year"]), wording.count(row["n_points"]),
            wording.decimal(row["value"]), wording.interval(row["lower"], row["upper"]), wording_course.q_value(row["q"]),
            wording.verdict(row["verdict"]),
        ]
        for row in rows.assign(q=rows.get("q")).to_dict("records")
    ]  # fmt: skip
    header = [_("Category"), _("Years"), _("Points"), _("Change per year, %"), _("Interval (95%)"), _("q"), _("Verdict")]
    note = _(
        "q: p value adjusted for looking at all categories (Benjamini and Hochberg). Falling or rising only where q is at most "
        "{fdr}; * hidden years: not shown.",
        fdr=wording.decimal(courses.settings()["fdr"], 2),
    )
    table = Table(_("Annual percent change by category"), header, cells, note, numeric=(2, 3, 4, 5))
    said = [wording_course.disease_trend(row, names[row["key"]]) for row in wording_course.clear(rows).to_dict("records")]
    said = said or [_("After control of false discoveries no category has a trend in one direction.")]
    return replace(result, sentences=said, table=table, estimates=rows.reset_index(drop=True))


@detail
def catalogues(data: Data) -> Result:
    """Diseases that the catalogue of 2025 put elsewhere or added: what no comparison across it may forget."""
    result = Result(id="catalogues", language=data.language, title=_("Old and new catalogue"), level=3)
    rows = diseases.bridge(data) if data.period.last_year >= CATALOGUE_MONTH[0] else None
    if rows is None:
        return replace(result, title="")
    names = diseases.names(data)
    cells = [
        [row["name"], _place(row["old"], row["old_key"], names), _place(row["new"], row["new_key"], names)]
        for row in rows.to_dict("records")
    ]
    note = _("Codes and categories of the catalogues of 2013 and of 2025 (in force from 2025-08-01); a dash: not listed.")
    table = Table(
        _("Diseases that changed their category"), [_("Disease"), _("Catalogue of 2013"), _("Catalogue of 2025")], cells, note
    )
    said = [
        _("In 2025 counts by category mix both catalogues; from 2026 on they are not comparable with earlier years.")
        if data.period.end >= CATALOGUE_MONTH
        else _("All cases of this period fall under the catalogue of 2013.")
    ]
    return replace(result, sentences=said, table=table)


def _place(code: str, key: str, names: dict[str, str]) -> str:
    return f"{code} {names.get(key, key)}" if code else wording.DASH


def _finding(row: dict[str, Any]) -> str:
    if row["notable"]:
        return "\u25b2 " + _("more")
    above = row["q"] <= courses.settings()["fdr"] and row["numerator"] <= row["most"]
    return _("not above the {n} of an earlier year", n=wording.count(row["most"])) if above else _("not notable")


@detail
def unusual(data: Data) -> Result:
    """Categories with more cases in the reported year than the years before lead to expect."""
    rows, names = diseases.exceedances(data), diseases.names(data)
    result = Result(id="unusual", language=data.language, title=_("Unusual in this period"))
    if rows.empty:
        few = _("fewer than {n} earlier years of the same window are shown", n=courses.settings()["baseline_least"])
        text = _("Nothing to judge: {why}.", why=few if data.period.is_year else _("the period is no whole year"))
        return replace(result, sentences=[text])
    rows = rows.sort_values(["q", "key"], ignore_index=True)
    cells = [
        [
            names[row["key"]], wording.count(row["numerator"]), wording.years(row["first_year"], row["last_year"]),
            wording.decimal(row["denominator"]), wording.decimal(row["value"], 2),
            wording.interval(row["lower"], row["upper"], 2), wording.count(row["alarm_from"]), wording_course.q_value(row["q"]),
            _finding(row),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("Category"), str(data.period.last_year), _("Years before"), _("Mean a year"), _("Ratio"), _("Limits (95%)"),
              _("Unlikely from"), _("q"), _("Verdict")]  # fmt: skip
    note = _(
        "Expected is the mean of up to {n} years before of the same unbroken window; the chance of so many cases is that of a "
        "negative binomial count, adjusted over all rows (q, Benjamini and Hochberg). More: q at most {fdr} and more cases "
        "than in any of those years, since counts vary more than chance alone. Unlikely from: smallest count with a chance of "
        "at most 5% when looked at alone; it does not decide.",
        n=courses.settings()["baseline"], fdr=wording.decimal(courses.settings()["fdr"], 2),
    )  # fmt: skip
    table = Table(_("Cases against the years before"), header, cells, note, numeric=(1, 3, 4, 5, 6, 7))
    found = rows[rows["notable"]]
    said = [wording_course.exceedance(row, names[row["key"]], data.period.last_year) for row in found.to_dict("records")]
    said = said or [wording_course.none_unusual(rows, data.period.last_year)]
    return replace(result, sentences=said, table=table, estimates=rows)
