"""Protection: small counts of people and their complements are hidden; the register remembers what was shown and starred."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from datasets import PLACE, case_rows, prepared, report, write

from ohstats import counts, dataset, disclosure, files, reference, site
from ohstats.clean import clean_dataset
from ohstats.errors import FileRefused, NotPublishable, OhstatsError, ParameterRefused
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def protect(folder: Path, register: pd.DataFrame | None = None, edition: str = "public") -> pd.DataFrame:
    made = dataset.load(folder)
    frame = counts.make(clean_dataset(made), made, reference.table("indicators", folder, key="indicator_id"))
    before = frame.copy(deep=True)
    empty = disclosure.read_register(Workspace.at(folder / "nothing"))
    found = disclosure.protect(frame, made, edition, empty if register is None else register).counts
    pd.testing.assert_frame_equal(frame, before)  # what goes in is not changed
    return found


def hidden(folder: Path, **options: Any) -> list[str]:
    frame = protect(folder, **options)
    assert frame.loc[frame["hidden"], ["numerator", "denominator"]].isna().all(axis=None)
    return sorted(frame.loc[frame["hidden"], "period"])


YEARLY = {2015: 0, 2016: 1, 2017: 4, 2018: 5, 2019: 9, 2020: 10, 2021: "", 2022: "*"}
LARGE = {2023: 900, 2024: 900}  # a place with these publishes its total by year


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("total", ["2016", "2017", "2022"]),
        ("pneumoconiosis", ["2016", "2017", "2022"]),
        ("tumour", ["2016", "2017", "2018", "2019", "2022"]),
        ("infectious", ["2016", "2017", "2018", "2019", "2022"]),
        ("radiation", ["2016", "2017", "2018", "2019", "2022"]),
        ("rest_combined", ["2016", "2017", "2018", "2019", "2022"]),  # may consist of those
        ("leukaemia", ["2016", "2017", "2018", "2019", "2022"]),  # a category of one's own below tumours
    ],
)
def test_small_counts_of_cases_are_hidden_by_the_threshold_of_their_category(
    tmp_path: Path, key: str, expected: list[str]
) -> None:
    folder = write(tmp_path, cases=case_rows(YEARLY | LARGE, key=key))
    (folder / "categories.csv").write_text(
        "key,parent,name_en,higher_threshold\nleukaemia,tumour,L,\ntumour,total,T,\n", encoding="utf-8"
    )
    assert hidden(folder) == expected


@pytest.mark.parametrize(
    ("indicator", "n", "d", "starred"),
    [
        ("suspected_found", 4, "", True),
        ("suspected_found", 5, "", False),
        ("short_exposure_pneumoconiosis_share", 4, 100, True),
        ("short_exposure_pneumoconiosis_share", 96, 100, True),  # the other 4 could be told
        ("short_exposure_pneumoconiosis_share", 0, 3, True),
        ("short_exposure_pneumoconiosis_share", 95, 100, False),
        ("short_exposure_pneumoconiosis_share", 0, 0, False),
        ("hazard_declaration_rate_key", 1, 3, False),  # employers, no one's health
        ("inservice_exam_rate_key", 2, 4, False),  # a service, no one's health
        ("not_declared", 2, 50, True),  # what is not known gets the strictest rule
        ("own", 2, 50, True),
        ("diagnoses_completed", 2, "", False),
    ],
)
def test_counts_of_people_are_hidden_with_their_complements_and_others_are_not(
    tmp_path: Path, indicator: str, n: int, d: Any, starred: bool
) -> None:
    folder = write(tmp_path, values=[(indicator, PLACE, 2020, n, d)])
    own = (
        "indicator_id,measure,counts\nown,proportion,context\nsuspected_found,count,coverage\n"  # cannot weaken the packaged one
    )
    (folder / "indicators.csv").write_text(own, encoding="utf-8")
    assert hidden(folder) == (["2020"] if starred else [])


def test_what_is_published_already_and_the_internal_edition_are_exact(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", cases=case_rows(YEARLY))
    assert hidden(folder, edition="internal") == ["2022"]  # starred at its source
    told = {"publisher": "Office", "title": "Yearbook", "date": "2024"}
    assert hidden(write(tmp_path / "b", cases=case_rows(YEARLY), synthetic=None, published=told)) == ["2022"]
    with pytest.raises(ParameterRefused) as refused:
        protect(folder, edition="secret")
    assert str(refused.value) == "No edition 'secret'. There are: public, internal."


# The register -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "work"))
    return Workspace.at()


def publish(folder: Path, workspace: Workspace) -> str:
    """Protect, report, publish; the register as it then stands."""
    prepared(folder, workspace)
    site.build([report(folder, workspace)], [dataset.load(folder)], workspace, "public")
    return (workspace.register / "published.csv").read_text(encoding="utf-8")


def shown(folder: Path, workspace: Workspace) -> dict[str, str]:
    frame = files.read_parquet(workspace.protected("small", "public") / "counts.parquet")
    frame = frame[frame["key"] == "total"]
    return {
        row.period: "*" if row.hidden else "" if pd.isna(row.numerator) else str(int(row.numerator)) for row in frame.itertuples()
    }


def test_starred_stays_starred_and_shown_stays_shown(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 3, 2016: 7, 2017: 8} | LARGE))
    first = publish(folder, workspace)
    assert first.splitlines()[:4] == [
        "dataset,measure,place,period,year_basis,key,group,numerator,denominator",
        "small,new_cases,990001,2015,diagnosis,total,,*,*",
        "small,new_cases,990001,2016,diagnosis,total,,7,",
        "small,new_cases,990001,2017,diagnosis,total,,8,",
    ]
    write(folder, cases=case_rows({2015: 30, 2016: 7, 2017: 4} | LARGE))
    (folder / "categories.csv").write_text("key,higher_threshold\ntotal,yes\n", encoding="utf-8")  # the threshold is now 10
    second = publish(folder, workspace)
    now = shown(folder, workspace)
    assert (now["2015"], now["2016"], now["2017"]) == ("*", "7", "*")  # starred, shown as before, another value
    new = ("2017", "2016..2020")  # the block would tell 2017 by difference
    stars = "".join(f"small,new_cases,990001,{period},diagnosis,total,,*,*\n" for period in new)
    together = "small,hidden_cases,990001,,diagnosis,2015 total;2016..2020 total,,41,\n"  # 30 and 7 + 4
    assert second == first + stars + together  # append-only


def test_the_note_of_a_hidden_count_is_not_published_either(tmp_path: Path, workspace: Workspace) -> None:
    publish(
        write(tmp_path / "a", cases=case_rows({2015: {"n": 3, "note": "all turners", "source": "list of turners"}, 2016: 12})),
        workspace,
    )
    texts = [path.read_bytes() for path in (workspace.root / "reports").rglob("*") if path.is_file()]
    assert [text for text in texts if b"turners" in text] == []


def test_a_share_that_was_shown_is_hidden_when_its_complement_became_small(tmp_path: Path, workspace: Workspace) -> None:
    share = "short_exposure_pneumoconiosis_share"
    folder = write(tmp_path / "a", cases=case_rows({2020: 70}), values=[(share, PLACE, 2020, 50, 60)])
    publish(folder, workspace)
    write(folder, cases=case_rows({2020: 70}), values=[(share, PLACE, 2020, 50, 52)])
    assert hidden(folder, register=disclosure.read_register(workspace)) == ["2020"]


def test_a_site_of_data_that_changed_since_they_were_protected_is_refused(tmp_path: Path) -> None:
    folder, workspace = linked(tmp_path / "data", {"990101": 2, "990102": 60, "990103": 90}), Workspace.at(tmp_path / "work")
    prepared(folder, workspace)
    made = [report(folder, workspace, code) for code in ("990100", "990101", "990102", "990103")]
    (folder / "known_figures.csv").write_text("measure,place,period,year_basis,key,group,n,source\n", encoding="utf-8")
    with pytest.raises(OhstatsError, match=r"The data of small changed since the last run\. Run: ohstats run"):
        site.build(made, [dataset.load(folder)], workspace, "public")
    assert not workspace.site("public").exists()


def test_a_second_run_appends_nothing_and_leaves_the_register_as_it_was(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows(YEARLY), values=[("suspected_found", PLACE, 2020, 3, "")])
    publish(folder, workspace)
    before = (workspace.register / "published.csv").read_bytes()
    page = workspace.site("public") / "en" / "990001_trend.html"
    html = page.read_bytes()
    publish(folder, workspace)
    assert (workspace.register / "published.csv").read_bytes() == before
    assert page.read_bytes() == html


def test_a_refused_site_appends_nothing_and_leaves_the_old_one(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 12}))
    register = publish(folder, workspace)
    before = {path: path.read_bytes() for path in workspace.site("public").rglob("*") if path.is_file()}
    rows = case_rows({2015: 12, 2016: {"n": 40, "source": f"see {workspace.root}/notes"}})
    write(folder, cases=rows, synthetic=None, published={"publisher": "x", "title": "y", "date": "z"})
    with pytest.raises(NotPublishable, match="a path, user or host name of the machine"):
        publish(folder, workspace)
    assert (workspace.register / "published.csv").read_text(encoding="utf-8") == register
    assert {path: path.read_bytes() for path in workspace.site("public").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in (workspace.root / "reports").iterdir()) == ["site"]  # nor does the refused one lie about


def test_only_places_whose_report_was_published_enter_the_register(tmp_path: Path, workspace: Workspace) -> None:
    places = [(code, "", f"Place {code}", "county", "") for code in ("990001", "990002", "990003")]
    folder = write(tmp_path / "a", places=places, cases=case_rows({2015: 12}) + case_rows({2015: 3}, "990002"))
    prepared(folder, workspace)
    made = report(folder, workspace)
    failed = replace(made, district="990003", error="ValueError")
    site.build([made, failed], [dataset.load(folder)], workspace, "public")
    assert set(disclosure.read_register(workspace)["place"]) == {"990001"}


def test_the_internal_edition_has_its_own_root_and_no_register(tmp_path: Path, workspace: Workspace) -> None:
    folder = write(tmp_path / "a", cases=case_rows({2015: 3}))
    prepared(folder, workspace, "internal")
    index = site.build([report(folder, workspace, edition="internal")], [dataset.load(folder)], workspace, "internal")
    assert index == workspace.root / "reports" / "internal" / "index.html"
    assert not workspace.site("public").exists()
    assert not workspace.register.exists()
    page = (index.parent / "en" / "990001_trend.html").read_text(encoding="utf-8")
    assert "Internal material: exact counts, not for publication." in page
    assert "Internal material" in index.read_text(encoding="utf-8")


# The site is made from protected counts alone ---------------------------------------------------------------------------------
def linked(folder: Path, cases: dict[str, int], **told: Any) -> Path:
    """A city of three districts in one year; two of them have few cases."""
    places = [("990100", "市", "City", "city", ""), *((code, "", f"D{code}", "county", "990100") for code in cases)]
    before = dict.fromkeys(range(2015, 2024), 150)
    rows = [row for code, n in cases.items() for row in case_rows(before | {2024: n}, code)]
    rows += case_rows({year: 150 * len(cases) for year in before} | {2024: sum(cases.values())}, "990100")
    return write(folder, places=places, cases=rows, **told)


def test_the_site_does_not_depend_on_what_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two worlds with the same protected counts give the same bytes, digests and all."""
    sites = []
    for name, cases in (("a", {"990101": 2, "990102": 3, "990103": 90}), ("b", {"990101": 4, "990102": 1, "990103": 90})):
        folder, workspace = linked(tmp_path / name / "data", cases, synthetic=None), Workspace.at(tmp_path / name / "work")
        monkeypatch.setenv("OHSTATS_WORK", str(workspace.root))
        prepared(folder, workspace)
        made = [report(folder, workspace, code, name=each) for code in ("990100", *cases) for each in ("trend", "evaluation")]
        built = site.build(made, [dataset.load(folder)], workspace, "public").parent
        sites.append({path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()})
        sites[-1]["register"] = (workspace.register / "published.csv").read_bytes()
        assert b",2024,diagnosis,total,,*,*" in sites[-1]["register"]
        assert workspace.work.stat().st_mode & 0o077 == workspace.register.stat().st_mode & 0o077 == 0
    assert sites[0] == sites[1]


def test_a_figure_published_by_others_is_reckoned_with_and_not_shown(tmp_path: Path) -> None:
    folder = linked(tmp_path, {"990101": 2, "990102": 60, "990103": 90})
    stars = {row.place for row in protect(folder).itertuples() if row.hidden}
    assert len(stars) == 2  # the small one and one other
    other = (stars - {"990101"}).pop()
    n = {"990100": 152, "990102": 60, "990103": 90}[other]
    text = f"measure,place,period,year_basis,key,group,n,source\nnew_cases,{other},2024,diagnosis,total,,{n},yearbook\n"
    (folder / "known_figures.csv").write_text(text, encoding="utf-8")
    found = protect(folder)
    assert {row.place for row in found.itertuples() if row.hidden} >= {"990101"}
    assert len({row.place for row in found.itertuples() if row.hidden} - {"990101", other}) == 1
    assert not (found["counts"] == counts.KNOWN).any()


def test_statistics_of_few_people_or_employers_are_hidden() -> None:
    frame = pd.DataFrame(
        {"value": 1.0, "n_people": [9, 10, 40, 40], "n_employers": [5, 3, 2, 5], "largest_share": [0.2, 0.4, 0.6, 0.91]}
    )
    assert disclosure.statistics(frame).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"threshold": 3}, "'disclosure: threshold' must be a whole number of at least 5"),
        ({"block_years": 4}, "'disclosure: block_years' must be 3 or 5"),
        ({"yearly_total": {"authority": "x"}}, "'disclosure: yearly_total' needs authority, date and source"),
    ],
)
def test_rules_can_be_made_stricter_only(tmp_path: Path, told: dict[str, Any], fault: str) -> None:
    with pytest.raises(FileRefused) as refused:
        protect(write(tmp_path, cases=case_rows(YEARLY), disclosure=told))
    assert fault in str(refused.value)


# Others' figures, and what the user can do -------------------------------------------------------------------------------
def test_real_figures_in_the_register_say_nothing_of_an_invented_city_below_them(tmp_path: Path) -> None:
    """An invented city is written below China; held against the nation's real figures it would seem to tell its small counts."""
    cases = {"990101": 2, "990102": 3, "990103": 90}
    folder = linked(tmp_path, cases)
    places = (folder / "places.csv").read_text(encoding="utf-8").replace("city,", "city,100000")
    (folder / "places.csv").write_text(places, encoding="utf-8")
    made = dataset.load(folder)
    keys = {"measure": "new_cases", "year_basis": "diagnosis", "key": "total", "group": "", "period": "2024", "denominator": ""}
    nation = pd.DataFrame([{"dataset": "nation", "place": "100000", "numerator": "97", **keys}], columns=disclosure.REGISTER)
    assert protect(folder, nation).equals(protect(folder))
    exact = counts.make(clean_dataset(made), made, reference.table("indicators", folder, key="indicator_id"))
    proposal = disclosure.protect(exact, made, "public", nation.head(0)).proposal
    assert disclosure.leaks(exact, made, nation, proposal) == []
    real = nation.assign(place="990102", numerator="3")  # but figures of its own places are reckoned with
    assert not protect(folder, real).equals(protect(folder))


def bulletin(folder: Path, rows: dict[str, int]) -> None:
    lines = [f"new_cases,{place},2024,diagnosis,total,,{n},bulletin" for place, n in rows.items()]
    text = "\n".join(["measure,place,period,year_basis,key,group,n,source", *lines])
    (folder / "known_figures.csv").write_text(text + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    "known", [{"990101": 2}, {"990100": 95, "990102": 3, "990103": 90}, {"990100": 95, "990103": 90}, {"990100": 2}]
)
def test_what_others_published_is_no_leak_of_ours_and_does_not_stop_publication(
    tmp_path: Path, workspace: Workspace, known: dict[str, int]
) -> None:
    """The bulletin alone tells a count, or with the zeros beside it: the site is published and tells no more than that."""
    cases = {"990101": 2, "990102": 3, "990103": 90} if known.get("990100") != 2 else dict.fromkeys(["990102", "990103"], 0)
    folder = linked(tmp_path / "a", {"990101": 2, **cases})
    bulletin(folder, known)
    prepared(folder, workspace)
    made = [report(folder, workspace, code) for code in ("990100", "990101", *cases)]
    site.build(list({each.district: each for each in made}.values()), [dataset.load(folder)], workspace, "public")
    register = disclosure.read_register(workspace)
    now = register[(register["period"] == "2024") & (register["key"] == "total")].set_index("place")["numerator"]
    assert "2" not in set(now)
    if known == {"990100": 2}:
        assert not {"990102", "990103"} & set(now.index[now == "0"])  # else they would tell whose the two cases are


def test_a_leak_names_place_figure_and_period_and_what_can_be_done(tmp_path: Path, workspace: Workspace) -> None:
    """Two data sets of the same places in one site: what one shows the other hides. Published one after the other they go."""
    cases = {"990101": 2, "990102": 3, "990103": 90}
    one = linked(tmp_path / "one", cases, id="one", synthetic=None)
    told = {"publisher": "x", "title": "y", "date": "z"}
    two = write(
        tmp_path / "two", id="two", synthetic=None, published=told, periods="2024..2024",
        places=[("990102", "", "D", "county", "990100"), ("990100", "", "C", "city", "")],
        cases=[*case_rows({2024: 3}, "990102"), *case_rows({2024: 95}, "990100")],
    )  # fmt: skip
    for folder in (two, one):
        prepared(folder, workspace)
    made = [report(one, workspace, code) for code in ("990100", *cases)]
    both = [dataset.load(two), dataset.load(one)]
    first = report(two, workspace, "990102")
    with pytest.raises(NotPublishable) as refused:
        site.build([first, *made], both, workspace, "public")
    said = str(refused.value)
    assert "990101: a small count can be told from what is shown: new_cases, total, diagnosis, 2024" in said
    assert "publish data sets of the same places one after the other" in said
    site.build([first], both[:1], workspace, "public")
    prepared(one, workspace)
    site.build([report(one, workspace, code) for code in ("990100", *cases)], both[1:], workspace, "public")
