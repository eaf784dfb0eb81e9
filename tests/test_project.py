"""The repository's own rules: modules stay small and import one way, notebooks are thin, files name no machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

import ohstats

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ohstats"
MODULES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Each module imports only from those before it; docs/architecture.md says what each is for.
STATISTICS = ["estimates", "limits", "loglinear", "rates", "measurements", "trend", "joinpoint", "surveillance"]
ORDER = [
    *("language", "errors", "files", "paths", "secret", "periods", "reference", "notes"),
    *STATISTICS,
    *(
        "codes",
        "dimensions",
        "schema",
        "dictionary",
        "entry",
        "dataset",
        "corrections",
        "clean",
        "records",
        "handbook",
        "synthetic",
    ),
    *("counts", "measured", "lists", "settled", "disclosure", "regions", "outlines", "slices", "data"),
    *("occurrence", "breakdowns", "people", "courses", "diseases", "indicators", "evaluation", "findings", "districts"),
    *("wording", "wording_people", "wording_summary", "wording_course", "wording_evaluation"),
    *("check", "figures", "figures_places", "panels", "display", "result", "sections"),
    *(
        "pages",
        "workbooks",
        "shell",
        "forked",
        "apart",
        "warm",
        "engine",
        "plan",
        "manifest",
        "runner",
        "gate",
        "site",
        "progress",
        "commands",
        "__main__",
    ),
]
KEPT_TO = {"polars": {"clean"}, "statsmodels.api": set()}  # a forked child that has used polars can hang; api is slow

MODULE_LINES, PACKAGE_LINES, TEST_SHARE, CELLS, BYTES = 400, 22_000, 1.3, 40, 2_600_000
HAN = re.compile("[\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
MACHINE = re.compile(r"(?<![\w.~-])/(?:root|home|work|opt|farm|tmp/bash_jobs)/\w")
REGISTRY = re.compile(r"\b(?:pypi[.]org|pythonhosted[.]org|registry[.]npmjs|(?:deb|security)[.]debian[.]org|anaconda[.]org)")


def files() -> list[Path]:
    """Everything that is or could be committed; without git, everything outside hidden folders."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and path.relative_to(ROOT).parts[0][0] != "."]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """The name in ORDER: a package counts as one module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Full dotted names of all that a file imports, inside functions and for type checking too."""
    folder = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{name.name}" for name in node.names)


# Modules --------------------------------------------------------------------------------------------------------------
def test_every_module_has_its_place_in_the_order() -> None:
    unplaced = {module_of(path) for path in MODULES} - {"__init__", *ORDER}
    assert unplaced == set(), "place each in ORDER above, after all that it imports, and in docs/architecture.md"


def test_modules_import_only_from_those_before_them() -> None:
    faults = []
    for path in MODULES:
        name = module_of(path)
        if name == "__init__":  # the public names, gathered
            continue
        ours = {full.split(".")[1] for full in imported(path) if full.startswith("ohstats.")} - {name, "__version__"}
        allowed = {"errors", *STATISTICS} if name in STATISTICS else set(ORDER)
        allowed &= set(ORDER[: ORDER.index(name)]) if name in ORDER else set()
        faults += [f"{where(path)} imports {other}" for other in sorted(ours - allowed)]
        faults += [f"{where(path)} imports ohstats as a whole" for full in imported(path) if full == "ohstats"]
    assert faults == []


def test_some_libraries_stay_where_they_belong() -> None:
    faults = [
        f"{where(path)} imports {full}"
        for path in MODULES
        for full in imported(path)
        for library, homes in KEPT_TO.items()
        if f"{full}.".startswith(f"{library}.") and module_of(path) not in homes
    ]
    assert faults == []


def test_no_module_is_too_long() -> None:
    assert [f"{where(path)}: {lines(path)} lines" for path in MODULES if lines(path) > MODULE_LINES] == []


def code_lines(path: Path) -> int:
    """Lines that hold code: no docstring, comment or blank line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
    ]
    prose = {number for doc in docs for number in range(doc.lineno, (doc.end_lineno or doc.lineno) + 1)}
    source = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return sum(1 for number, line in source if number not in prose and line.strip() and not line.strip().startswith("#"))


def test_package_and_tests_keep_to_their_size() -> None:
    code, tests = sum(map(code_lines, MODULES)), sum(map(code_lines, (ROOT / "tests").rglob("*.py")))
    assert code <= PACKAGE_LINES
    if code >= 2_000:  # below that the tests of the frame itself outweigh it
        assert tests <= TEST_SHARE * code, f"{tests} lines of tests for {code} of code"


def test_code_outside_tests_holds_no_han_character() -> None:
    code = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"]
    faults = [
        f"{where(path)}:{number}"
        for path in code
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if HAN.search(line)
    ]
    assert faults == [], "words belong in the catalogue or in reference data"


def test_version_stands_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == ohstats.__version__


# Notebooks ------------------------------------------------------------------------------------------------------------
def test_notebooks_are_committed_clean_and_thin() -> None:
    faults = []
    for path in NOTEBOOKS:
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
        if len(tagged) != 1:
            faults.append(f"{where(path)}: {len(tagged)} cells tagged parameters, needs one")
        if len(code) > CELLS:
            faults.append(f"{where(path)}: {len(code)} code cells, at most {CELLS}")
        for number, cell in enumerate(code, start=1):
            if cell.outputs or cell.execution_count:
                faults.append(f"{where(path)} cell {number}: has outputs or a counter; run `make strip`")
            nodes = list(ast.walk(ast.parse(cell.source)))
            if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) for node in nodes):
                faults.append(f"{where(path)} cell {number}: move the definition into ohstats/")
            roots = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
            roots += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
            if {root.split(".")[0] for root in roots} - {"ohstats"}:
                faults.append(f"{where(path)} cell {number}: imports more than ohstats")
    assert faults == []


# Files ----------------------------------------------------------------------------------------------------------------
def test_no_file_names_a_machine_or_a_registry() -> None:
    faults = [
        f"{where(path)}:{number}: {line.strip()[:80]}"
        for path in files()
        if b"\0" not in (content := path.read_bytes())
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1)
        if MACHINE.search(line) or REGISTRY.search(line)
    ]
    assert faults == []


def test_no_file_is_too_big() -> None:
    assert [where(path) for path in files() if path.stat().st_size > BYTES] == []


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (declared,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    described = re.findall(r"^([a-z]+):[^#=]*## \S.*$", makefile, re.M)
    assert described == declared.split()
