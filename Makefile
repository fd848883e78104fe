# make demo: install into .venv and work the examples.   make test: the same, and run the tests.
# make bench: install the tools that we are compared with into .venv-bench, and measure them all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types long bench clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("chainrule needs Python 3.11 or newer") if sys.version_info < (3, 11) else 0'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python examples/demo.py

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

# the training runs of docs/training-runs.md, which take minutes
long: $(VENV)/installed-dev
	CHAINRULE_LONG=1 $(BIN)/python -m pytest tests/test_real_runs.py

# make bench BENCH=lenet: one of them; QUICK=--quick: a try-out that leaves the page alone
BENCH_VENV := .venv-bench
$(BENCH_VENV)/installed: pyproject.toml
	test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[native,bench]'
	touch $@

bench: $(BENCH_VENV)/installed
	$(BENCH_VENV)/bin/python benchmarks/run.py $(QUICK) $(BENCH)

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist
