"""Where things are: packaged notebooks by name, others by path, and a workspace apart from data and package."""

from pathlib import Path

import pytest

from ohstats import paths
from ohstats.errors import NotebookRefused


@pytest.mark.parametrize("name", ["trend", "2_trend", "2_trend.ipynb"])
def test_a_packaged_notebook_goes_by_its_names(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert paths.notebook(name) == paths.notebooks() / "2_trend.ipynb"


@pytest.mark.parametrize("name", ["tend", "elsewhere/trend.ipynb", "/elsewhere/2_trend.ipynb"])
def test_a_notebook_that_is_not_there_is_refused_not_replaced_by_a_packaged_one(name):
    with pytest.raises(NotebookRefused) as refused:
        paths.notebook(name)
    assert str(refused.value).startswith(f"No notebook '{name}'. There are: ")
    assert "2_trend" in str(refused.value)


def test_a_path_of_ones_own_wins_over_a_packaged_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("2_trend.ipynb").write_text("{}", encoding="utf-8")
    assert paths.notebook("2_trend.ipynb") == Path("2_trend.ipynb")


def test_the_workspace_is_named_or_the_environments_or_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OHSTATS_WORK", raising=False)
    assert paths.Workspace.at().root == tmp_path.resolve()
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "env"))
    assert paths.Workspace.at().root == (tmp_path / "env").resolve()
    assert paths.Workspace.at(tmp_path / "given").root == (tmp_path / "given").resolve()


def test_the_editions_have_their_own_roots(tmp_path):
    workspace = paths.Workspace.at(tmp_path)
    assert workspace.site("public") != workspace.site("internal")
    assert workspace.protected("x", "public") != workspace.protected("x", "internal")
    assert workspace.executed("x", "public") != workspace.executed("x", "internal")
