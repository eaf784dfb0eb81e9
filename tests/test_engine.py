"""Forked reports: outputs as a kernel gives them, nothing leaks, every way to fail is an outcome, nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from papermill.engines import papermill_engines

from ohstats import data, dataset, engine, forked, paths, plan, runner
from ohstats.errors import NotebookRefused, ParameterRefused
from ohstats.result import MIME

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
PLACE = "990102"  # some of its counts are hidden
KERNELSPEC = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}

pytestmark = [pytest.mark.notebook, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]
papermill_engines.register("ohstats", engine.ForkedEngine)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """So that no test's time holds that of the warm-up."""
    child = forked.Child(_nothing, (), forked.Limits())
    child.hear(120)
    child.close()


def _nothing(connection: Any) -> None:
    connection.send("")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> paths.Workspace:
    made = paths.Workspace.at(tmp_path_factory.mktemp("work"))
    data.prepare(dataset.load(paths.examples() / "synthetic"), made, "public")
    return made


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., runner.Job]:
    """A job for a notebook of the cells given."""

    def made(*sources: str, **parameters: str) -> runner.Job:
        number = len(list(tmp_path.glob("*.ipynb")))
        path = tmp_path / f"{number}.ipynb"
        told = dict.fromkeys(plan.REQUIRED, "") | parameters
        result = f"__import__('IPython').display.display({{'{MIME}': {{}}}}, raw=True)"  # a report without any is a failure
        lines = [*(f"{name} = ''" for name in told), result]
        cells = [new_code_cell("\n".join(lines), metadata={"tags": ["parameters"]})]
        cells += [new_code_cell(textwrap.dedent(source).strip()) for source in sources]
        nbformat.write(new_notebook(cells=cells, metadata=KERNELSPEC), path)
        output, failed = tmp_path / "executed" / path.name, tmp_path / "failed" / path.name
        return runner.Job(str(path), "odd", "none", told, str(output), str(failed))

    return made


def run(*jobs: runner.Job, root: Path | None = None, workers: int = 1, **limits: Any) -> list[str]:
    """Why each job failed, "" where it did not."""
    workspace = paths.Workspace.at(root or Path(jobs[0].notebook).parent)
    told = runner.run(list(jobs), workspace, workers=workers, done=lambda _told: None, limits=forked.Limits(**limits))
    return [outcome.error for outcome in told]


def said(job: runner.Job) -> list[str]:
    """What the last cell of an executed notebook printed, word by word."""
    (output,) = nbformat.read(job.output, as_version=4).cells[-1].outputs
    return str(output.text).split()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(*pids: int) -> bool:
    end = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


# As a kernel gives it -------------------------------------------------------------------------------------------------
def cells(path: str) -> list[tuple[str, int | None, list[str]]]:
    """Source, counter and outputs of all cells; what differs from run to run is masked, pieces of a stream are joined."""
    told = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs: list[Any] = []
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and outputs and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        texts = [json.dumps(output, sort_keys=True, ensure_ascii=False) for output in outputs]
        for run_of in (r"ipykernel_\d+/\d+", r"0x[0-9a-f]{6,}", r"T_[0-9a-f]{5}", r"<dc:date>[^<]*"):
            texts = [re.sub(run_of, "...", text) for text in texts]
        told.append((re.sub(r"/engine-\w+", "", cell.source), cell.get("execution_count"), texts))
    return told


@pytest.fixture(scope="module")
def both(workspace: paths.Workspace) -> list[tuple[runner.Job, runner.Job, runner.Outcome, runner.Outcome]]:
    """Every notebook, in the two languages by turns, and the odd cells, run by each engine."""
    chosen = dataset.load(paths.examples() / "synthetic")
    odd = ROOT / "tests" / "notebooks" / "odd.ipynb"
    notebooks = [*zip(sorted(paths.notebooks().glob("*.ipynb")), cycle(("zh", "en"))), (odd, "en")]
    jobs: dict[str, list[runner.Job]] = {"ohstats": [], "kernel": []}
    outcomes = {}
    for name, mine in jobs.items():
        place = paths.Workspace.at(workspace.root)
        for path, each in notebooks:
            (planned,) = plan.plan(
                chosen, place, notebooks=[path], languages=[each], period="2024",
                districts=["990100" if path.stem == "4_overview" else PLACE],
                edition="internal" if path.stem == "1_data_check" else "public", first_year=2011, assessment="annual",
            )  # fmt: skip
            folder = workspace.root / name / each
            told = {"output": str(folder / "made" / Path(planned.output).name), "failed": str(folder / "failed.ipynb")}
            mine.append(runner.Job(**{**vars(planned), **told}))
        outcomes[name] = runner.run(mine, place, workers=2, done=lambda _told: None, engine=name)
    return list(zip(jobs["ohstats"], jobs["kernel"], outcomes["ohstats"], outcomes["kernel"], strict=True))


def test_every_notebook_comes_out_as_from_a_kernel(both: Any) -> None:
    for ours, stock, outcome, expected in both[:-1]:
        assert (outcome.error, expected.error) == ("", "")
        assert cells(ours.output) == cells(stock.output)


def test_odd_cells_come_out_as_from_a_kernel(both: Any) -> None:
    ours, stock, outcome, expected = both[-1]
    assert outcome.error == expected.error != ""
    left, right = cells(ours.failed), cells(stock.failed)
    assert len(left) == len(right) > 70
    for mine, kernels in zip(left, right, strict=True):
        assert mine == kernels


def test_notebook_metadata_are_those_of_papermill(both: Any) -> None:
    ours, stock, *_rest = both[0]
    left, right = (nbformat.read(each.output, as_version=4) for each in (ours, stock))
    assert left.metadata.language_info == right.metadata.language_info
    assert left.metadata.kernelspec == right.metadata.kernelspec
    assert left.metadata.papermill.keys() == right.metadata.papermill.keys()
    assert left.metadata.papermill.parameters == right.metadata.papermill.parameters
    for mine, kernels in zip(left.cells, right.cells, strict=True):
        assert mine.metadata.papermill.keys() == kernels.metadata.papermill.keys()
        assert mine.metadata.papermill.status == kernels.metadata.papermill.status
        assert mine.metadata.get("tags") == kernels.metadata.get("tags")


def test_what_programs_write_is_kept_in_its_order(job: Any) -> None:
    planned = job("""
        import os, subprocess, sys
        print("before"); os.system("echo system"); os.write(1, b"descriptor\\n")
        _ = subprocess.run(["echo", "inherited"]), subprocess.run(["echo", "passed"], stdout=sys.stdout); print("after")
    """)
    assert run(planned) == [""]
    assert said(planned) == ["before", "system", "descriptor", "inherited", "passed", "after"]


# Papermill ------------------------------------------------------------------------------------------------------------
def test_papermill_finds_the_engine_by_its_name(tmp_path: Path, job: Any) -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["papermill.engine"]
    told = tmp_path / "ohstats-0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: ohstats\nVersion: 0\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (told / "entry_points.txt").write_text("\n".join(["[papermill.engine]", *lines]))
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    planned = job("import sys; print(district, 'ohstats.warm' in sys.modules)")
    Path(planned.output).parent.mkdir()
    subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "ohstats", "-r", "district", "990102", planned.notebook, planned.output],
        env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True,
    )  # fmt: skip
    assert said(planned) == ["990102", "True"]


def test_executed_notebook_is_written_once(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    planned, writes = job("1", "2", "3"), []
    for module in ("papermill.execute", "papermill.engines", "ohstats.engine"):
        monkeypatch.setattr(f"{module}.write_ipynb", lambda _notebook, path: writes.append(path))
    papermill.execute_notebook(planned.notebook, planned.output, engine_name="ohstats", progress_bar=False)
    assert writes == [planned.output]


def test_error_of_a_cell_is_papermills(job: Any, tmp_path: Path) -> None:
    planned = job("1 / 0", "'never run'")
    output = tmp_path / "out.ipynb"
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError: division by zero"):
        papermill.execute_notebook(planned.notebook, output, engine_name="ohstats", progress_bar=False)
    marked, _parameters, anchor, failed, rest = nbformat.read(output, as_version=4).cells
    assert marked.metadata.tags == anchor.metadata.tags == ["papermill-error-cell-tag"]
    assert (failed.metadata.papermill.status, rest.metadata.papermill.status) == ("failed", "pending")
    assert rest.execution_count is None


def test_cell_that_takes_too_long_is_papermills_error_and_leaves_what_was_done(job: Any, tmp_path: Path) -> None:
    planned, output = job("print('done')", "while True: pass"), tmp_path / "out.ipynb"
    with pytest.raises(CellTimeoutError):
        papermill.execute_notebook(planned.notebook, output, engine_name="ohstats", progress_bar=False, execution_timeout=1)
    assert nbformat.read(output, as_version=4).cells[1].outputs[0].text == "done\n"


def test_cell_that_ends_its_process_is_an_error(job: Any, tmp_path: Path) -> None:
    planned = job("import os; os._exit(3)")
    with pytest.raises(DeadKernelError, match=re.escape("ended before it was finished (exit code 3)")):
        papermill.execute_notebook(planned.notebook, tmp_path / "out.ipynb", engine_name="ohstats", progress_bar=False)


@pytest.mark.parametrize("path", sorted(paths.notebooks().glob("*.ipynb")), ids=lambda path: path.stem)
def test_declared_parameters_are_those_that_papermill_finds(path: Path) -> None:
    assert plan.declared(path) == set(papermill.inspect_notebook(str(path)))


def test_parameters_cell_with_other_than_python_is_refused(tmp_path: Path) -> None:
    cell = new_code_cell("%time district = ''", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell], metadata=KERNELSPEC), tmp_path / "odd.ipynb")
    with pytest.raises(NotebookRefused, match=re.escape("The parameters cell of odd.ipynb is not plain Python.")):
        plan.declared(tmp_path / "odd.ipynb")


def test_unknown_engine_is_refused(job: Any) -> None:
    with pytest.raises(ParameterRefused, match=re.escape("No engine 'warp'. There are: ohstats, kernel.")):
        runner.run([job()], paths.Workspace.at("."), workers=1, done=lambda _told: None, engine="warp")


# What a cell may not do -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("open_data('no such', '990102', period='2024')", "FileRefused"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import sys; sys.exit('words')", "SystemExit"),
        ("input('?')", "StdinNotImplementedError"),
        ("import getpass; getpass.getpass()", "StdinNotImplementedError"),
        ("from IPython.display import display; display(1, display_id='a').update(2)", "NeedsKernel"),
        ("from IPython.display import display; display({WIDGET: {}}, raw=True)", "NeedsKernel"),
        ("import comm; comm.create_comm('x')", "NeedsKernel"),
        ("get_ipython().enable_gui('qt')", "NeedsKernel"),
        ("import os; os._exit(7)", "ended before it was finished (exit code 7)"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9 (killed, or out of memory)"),
        ("import ctypes; ctypes.string_at(0)", "ended by signal 11 (killed, or out of memory)"),
        ("hog = bytearray(10 ** 9)", "MemoryError"),
        ("import numpy; numpy.ones(10 ** 8)", "MemoryError"),
        ("while True: print('x' * 1000)", "OutputLimit"),
        ("try: print('x' * 10 ** 7)\nexcept BaseException: pass", "OutputLimit"),
        ("import os; os.system('yes')", "OutputLimit"),
        ("!yes", "OutputLimit"),
    ],
)
def test_failure_is_an_outcome_with_a_plain_reason(source: str, kind: str, job: Any) -> None:
    widget = "WIDGET = 'application/vnd.jupyter.widget-view+json'"
    faulty, sound = job(f"from ohstats import open_data; {widget}", source), job("print('sound')")
    assert run(faulty, sound, seconds=60, memory=300, output=1) == [kind, ""]
    assert said(sound) == ["sound"]
    assert not Path(faulty.output).exists()
    assert [path.name for path in Path(faulty.output).parent.iterdir()] == [Path(sound.output).name]
    if "ended" not in kind:
        told = nbformat.read(faulty.failed, as_version=4).cells[-1].outputs
        refused = kind in ("NeedsKernel", "StdinNotImplementedError")
        assert any(output.get("ename") == kind and refused == ("--engine kernel" in output.evalue) for output in told)


@pytest.mark.parametrize("loop", ["while True: pass", "import asyncio\nwhile True: await asyncio.sleep(0.1)"])
def test_endless_loop_is_interrupted_after_its_time_and_shows_where_it_was(loop: str, job: Any) -> None:
    endless = job(loop, "'never run'")
    started = time.monotonic()
    assert run(endless, seconds=1) == ["stopped after 1 s"]
    assert time.monotonic() - started < 1 + forked.GRACE
    outputs = [output for cell in nbformat.read(endless.failed, as_version=4).cells for output in cell.get("outputs", [])]
    (told,) = (output for output in outputs if output.output_type == "error")
    assert told.ename == "KeyboardInterrupt"


def test_loop_that_will_not_be_interrupted_is_killed(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "GRACE", 0.5)
    stubborn = job("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
    assert run(stubborn, seconds=1) == ["stopped after 1 s"]


def test_output_that_cannot_be_written_is_an_outcome(job: Any) -> None:
    planned = job("1")
    Path(planned.output).parent.write_text("a file where the folder should be")
    assert run(planned) == ["Not a directory"]


# Nothing leaks --------------------------------------------------------------------------------------------------------
def test_changed_state_does_not_reach_the_next_report(job: Any) -> None:
    change = """
        import builtins, decimal, os, random, sys, warnings
        import matplotlib, numpy, pandas
        os.environ["LEFT"] = "1"; os.chdir("/"); sys.path.insert(0, "left"); builtins.left = left = 1
        pandas.set_option("display.max_rows", 7); matplotlib.rcParams["font.size"] = 7; numpy.seterr(all="raise")
        decimal.getcontext().prec = 7; warnings.simplefilter("error"); pandas.DataFrame.left = 1; sys.modules["left"] = pandas
    """
    tell = """
        import builtins, decimal, os, sys, warnings
        import matplotlib, numpy, pandas
        print(os.environ.get("LEFT"), os.getcwd() == "/", "left" in sys.path, hasattr(builtins, "left"), "left" in globals(),
              pandas.get_option("display.max_rows"), matplotlib.rcParams["font.size"], numpy.geterr()["divide"],
              decimal.getcontext().prec, warnings.filters[0][0], hasattr(pandas.DataFrame, "left"), "left" in sys.modules)
    """
    before, changed, after = job(tell), job(change), job(tell)
    assert run(before, changed, after) == ["", "", ""]
    assert said(after) == said(before)
    assert said(after)[:4] == ["None", "False", "False", "False"]


def test_random_numbers_follow_from_what_the_report_is_about(job: Any) -> None:
    draw = "import random, numpy; print(random.random(), numpy.random.random())"
    first, again = job(draw, district="1"), job(draw, district="1")
    other, chinese = job(draw, district="2"), job(draw, district="1", language="zh", data_dir="elsewhere")
    assert run(first, again, other, chinese, workers=2) == [""] * 4
    assert said(first) == said(again) == said(chinese)
    assert not set(said(first)) & set(said(other))


def test_report_starts_warm_single_threaded_and_without_polars(job: Any) -> None:
    tell = """
        import os, sys
        libraries = ("pandas", "matplotlib.backends.backend_svg", "scipy.special", "papermill", "ohstats.sections")
        print([name for name in (*libraries, "ohstats.warm") if name not in sys.modules], "polars" in sys.modules)
        print(len(os.listdir("/proc/self/task")), len(os.listdir(f"/proc/{os.getppid()}/task")))
        print(*[os.environ[name] for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")])
    """
    planned = job(tell)
    assert run(planned) == [""]
    assert said(planned) == ["[]", "False", "1", "1", "1", "1", "1"]


@pytest.mark.parametrize("report", plan.REPORTS)
def test_notebooks_of_the_project_import_nothing_that_is_not_warm(report: str, workspace: paths.Workspace) -> None:
    (planned,) = plan.plan(
        dataset.load(paths.examples() / "synthetic"), workspace, notebooks=[paths.notebook(report)],
        districts=["990100" if report == "overview" else PLACE], languages=["zh"], edition="public",
        period="2024", first_year=2011, assessment="annual",
    )  # fmt: skip
    notebook = nbformat.read(planned.notebook, as_version=4)
    notebook.cells.insert(0, new_code_cell("import sys; warm = set(sys.modules)"))
    notebook.cells.append(new_code_cell("print(*{name.split('.')[0] for name in set(sys.modules) - warm})"))
    path = workspace.root / f"{report}.ipynb"
    nbformat.write(notebook, path)
    planned = runner.Job(**{**vars(planned), "notebook": str(path)})
    assert run(planned, root=workspace.root) == [""]
    assert set(said(planned)) - sys.stdlib_module_names == set(), "add them to MODULES in ohstats/warm.py"


# Nothing stays behind -------------------------------------------------------------------------------------------------
def test_what_a_report_started_ends_with_it(job: Any) -> None:
    planned = job("import subprocess; print(subprocess.Popen(['sleep', '1000']).pid)")
    assert run(planned) == [""]
    assert gone(int(said(planned)[0]))


def test_interrupted_run_leaves_no_process(job: Any, tmp_path: Path) -> None:
    note = "import os; print(os.getpid(), file=open(f'{district}.pid', 'w'), flush=True)"
    endless = [job(note, "while True: pass", district=str(tmp_path / str(number))) for number in range(2)]
    quick = job("import time; time.sleep(1)")

    def interrupted(_told: runner.Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run([*endless, quick], paths.Workspace.at(tmp_path), workers=3, done=interrupted)
    pids = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert gone(*pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_run_leaves_no_process(number: int, job: Any, tmp_path: Path) -> None:
    note = """
        import os, subprocess
        started = subprocess.Popen(["sleep", "1000"]).pid
        print(os.getpid(), os.getppid(), started, file=open(f"{district}.part", "w"), flush=True)
        os.rename(f"{district}.part", f"{district}.pids")
    """
    endless = [job(note, "while True: pass", district=str(tmp_path / str(number))) for number in range(2)]
    script = tmp_path / "owner.py"  # without a guard: a child must not run it again
    script.write_text(f"""
from ohstats import forked, paths, runner
jobs = [runner.Job(**each) for each in {[vars(each) for each in endless]!r}]
runner.run(jobs, paths.Workspace.at({str(tmp_path)!r}), workers=2, done=print)
""")
    owner = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite started in the background ignores it
    )  # fmt: skip
    try:
        end = time.monotonic() + 300
        while len(told := list(tmp_path.glob("*.pids"))) < 2 and time.monotonic() < end and owner.poll() is None:
            time.sleep(0.05)
        pids = [int(each) for path in told for each in path.read_text().split()]
        assert len(pids) == 6
        assert all(map(alive, pids))
        owner.send_signal(number)
        owner.wait(30)
        assert gone(*pids)
    finally:
        owner.kill()


def test_lost_fork_server_costs_the_reports_under_way_only(job: Any) -> None:
    lost = job("import os, time; os.kill(os.getppid(), 9); time.sleep(60)")
    sound = job("print('sound')")
    started = time.monotonic()
    assert run(lost, sound) == ["ended before it was finished (exit code 255)", ""]
    assert time.monotonic() - started < 40
    assert said(sound) == ["sound"]
