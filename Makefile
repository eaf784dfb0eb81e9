# Two commands matter: `make report` and `make test`. Both build .venv from the hashed locks first.
# Needs Python >= 3.11 with venv (Debian: python3-venv) and make; uv is used when it is there.
SHELL = /bin/sh
PYTHON = python3
UV := $(shell command -v uv 2>/dev/null)
BIN = .venv/bin
WITH_VENV = PATH="$(CURDIR)/$(BIN):$$PATH"
export UV_PYTHON_DOWNLOADS = never
export PYTHONUTF8 = 1
unexport PYTHONDONTWRITEBYTECODE # else each process compiles all libraries anew: seconds for every command

ifdef UV
NEW_VENV = $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
NEW_VENV = $(PYTHON) -m venv --clear .venv
INSTALL = $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --no-input
endif
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
BUILD_NEEDS = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")

.DEFAULT_GOAL := help
.PHONY: help report test check lock messages wheel strip clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

report: .venv/runtime.stamp ## build the reports of the example data into reports/site
	@$(WITH_VENV) $(BIN)/ohstats run --example

test: .venv/runtime.stamp .venv/test.stamp ## run every test, examples in docstrings included (one file: ARGS=tests/test_rates.py)
	@$(WITH_VENV) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: .venv/runtime.stamp .venv/test.stamp ## ruff, ruff format and mypy; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lock: ## write both locks from pyproject.toml with uv (newest versions: ARGS=--upgrade)
	@command -v uv >/dev/null || { echo "make lock needs uv: install it (pip install uv), then run make lock again." >&2; exit 1; }
	@$(PYTHON) -c '$(BUILD_NEEDS)' | $(LOCK) $(ARGS) --all-extras pyproject.toml - --output-file requirements-test.lock
	@$(PYTHON) -c '$(BUILD_NEEDS)' | $(LOCK) $(ARGS) --constraint requirements-test.lock pyproject.toml - --output-file requirements.lock
	@grep -c == requirements.lock requirements-test.lock

messages: .venv/test.stamp ## bring the catalogues of words up to the code and compile them
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F pyproject.toml --no-location --sort-output --omit-header -o build/ohstats.pot ohstats
	@$(BIN)/pybabel -q update -D ohstats -d ohstats/locale -i build/ohstats.pot --no-fuzzy-matching --ignore-obsolete \
		--no-wrap --ignore-pot-creation-date
	@$(BIN)/pybabel compile -D ohstats -d ohstats/locale --statistics

wheel: .venv/runtime.stamp ## build dist/*.whl, notebooks and example data inside
	@$(BIN)/python -m hatchling build --target wheel

strip: .venv/runtime.stamp ## take outputs and counters out of the notebooks
	@set -- notebooks/*.ipynb; [ ! -e "$$1" ] || $(BIN)/jupyter nbconvert --log-level=WARN --clear-output --inplace "$$@"

clean: ## remove what make made: environment, reports, work, caches
	@rm -rf .venv build dist reports data/work .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment: the runtime lock first, the test lock (a superset, same versions) on top when tests want it.
.venv/lock.stamp: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "Python was not found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3 report" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: ohstats needs 3.11 or newer. Name another one: make PYTHON=python3.12 report" >&2; exit 1; }
	@[ -n "$(UV)" ] || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make environments: its venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Building .venv from requirements.lock, once; this takes a minute or two without uv."
	@$(NEW_VENV)
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

.venv/runtime.stamp: .venv/lock.stamp pyproject.toml
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/test.stamp: .venv/lock.stamp requirements-test.lock
	@$(INSTALL) --require-hashes -r requirements-test.lock
	@touch $@
