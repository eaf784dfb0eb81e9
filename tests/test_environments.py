"""pyproject.toml, both locks and environment.yml ask for the same; the conda environment itself is not solved here."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
RUNTIME, TEST = "requirements.lock", "requirements-test.lock"
LOCK_LINE = re.compile(
    r"([a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.]*( ; [^\\/#]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?)"  # and nothing else
)
BOUND = r"(?:>=|<=|==|!=|<|>)[0-9][0-9a-z.]*"
CONDA_SPEC = re.compile(rf"(?P<name>[a-z0-9][a-z0-9_.-]*)(?: (?P<range>{BOUND}(?:,{BOUND})*))?")
CONDA_NAMES = {"matplotlib": "matplotlib-base", "nbconvert": "nbconvert-core"}
TEST_TOOLS = {"axe-playwright-python", "hypothesis", "mypy", "playwright", "pytest", "ruff"}
PLACES = [
    {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": system, "os_name": os_name}
    for python in ("3.11.2", "3.12.1", "3.13.0")
    for system, os_name in (("linux", "posix"), ("darwin", "posix"), ("win32", "nt"))
]


@cache
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(*, extras: bool) -> list[Requirement]:
    """What pyproject.toml asks for: to run and to build, with all extras or without."""
    project = pyproject()["project"]
    lists = [pyproject()["build-system"]["requires"], project["dependencies"]]
    lists += project["optional-dependencies"].values() if extras else ()
    return [Requirement(line) for lines in lists for line in lines]


@cache
def locked(name: str) -> list[tuple[Requirement, frozenset[str]]]:
    """Entries of a lock, each with its hashes."""
    entries = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    parts = [entry.split(" --hash=") for entry in entries]
    return [(Requirement(first), frozenset(each.strip() for each in hashes)) for first, *hashes in parts]


def chosen(name: str, place: dict[str, str]) -> list[tuple[str, str, frozenset[str]]]:
    """What a lock installs on one Python and system: names, versions, hashes."""
    environment = {**default_environment(), **place}
    return [
        (canonicalize_name(entry.name), str(entry.specifier), hashes)
        for entry, hashes in locked(name)
        if entry.marker is None or entry.marker.evaluate(environment)
    ]


@pytest.mark.parametrize("name", [RUNTIME, TEST])
def test_lock_holds_versions_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []
    assert [str(entry) for entry, hashes in locked(name) if not hashes] == []


@pytest.mark.parametrize("name", [RUNTIME, TEST])
def test_lock_names_no_address_of_a_file_or_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"://|@|--(?:extra-)?index|--find-links|--trusted-host", text) == []


@pytest.mark.parametrize("name", [RUNTIME, TEST])
def test_locked_versions_lie_in_the_ranges_of_pyproject(name: str) -> None:
    for place in PLACES:
        versions = {package: version.removeprefix("==") for package, version, _ in chosen(name, place)}
        assert len(versions) == len(chosen(name, place)), f"a package twice on {place}"
        faults = [
            f"{need}: {versions.get(canonicalize_name(need.name), 'not in the lock')}"
            for need in wanted(extras=name == TEST)
            if not need.specifier.contains(versions.get(canonicalize_name(need.name), "0"))
        ]
        assert faults == [], f"run `make lock` ({place})"


def test_test_lock_is_the_runtime_lock_and_more() -> None:
    for place in PLACES:
        assert set(chosen(RUNTIME, place)) - set(chosen(TEST, place)) == set()


def test_runtime_lock_has_no_test_tools() -> None:
    assert {canonicalize_name(entry.name) for entry, _ in locked(RUNTIME)} & TEST_TOOLS == set()


def test_direct_dependencies_are_few() -> None:
    assert len(pyproject()["project"]["dependencies"]) <= 6 + 14  # the six that the project is built on


def test_environment_yml_asks_for_what_pyproject_asks_for() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "ohstats"
    assert environment["channels"][0] == "conda-forge"
    matches = [(line, CONDA_SPEC.fullmatch(line)) for line in environment["dependencies"]]
    assert [line for line, match in matches if not match] == []
    ranges = {match["name"]: set((match["range"] or "").split(",")) for _, match in matches if match}
    assert len(ranges) == len(matches), "a package twice"
    expected = {CONDA_NAMES.get(need.name, need.name): set(map(str, need.specifier)) for need in wanted(extras=False)}
    python = set(pyproject()["project"]["requires-python"].split(","))
    assert ranges == {**expected, "python": python, "pip": {""}}
