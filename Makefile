# demo: the whole chain on simulated footage    test: every test    lint: ruff, ruff format, mypy
# torture: the slow forms of crash and fault tests    bench: accuracy, and what is measured in seconds; BENCH="NAME …" runs some
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The environment is stamped by what it was built from. A change, or a half-made environment without a stamp, is built anew.
STAMP := $(VENV)/stamp-$(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')

.PHONY: demo test lint torture bench setup
.DEFAULT_GOAL := test

setup: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit("rainlapse needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; set PYTHON=python3.11, say") if sys.version_info < (3, 11) else None'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/python -m tests.demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

torture: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m torture

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks $(BENCH)
