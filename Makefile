# make lab   opens the book in JupyterLab          make test   runs every test and every chapter
# make bench measures speed, some ten minutes      make chapters   executes and stores notebooks
# All set up .venv by themselves; afterwards that takes no time and no network.

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PYTHON ?= python3

.PHONY: help lab test check bench chapters clean

help:
	@sed -n '1,2s/^# //p' Makefile

$(VENV)/lab.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e .
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/lab.stamp

lab: $(VENV)/lab.stamp
	@if [ "$$(id -u)" = 0 ]; then echo "Running as root: adding --allow-root, which JupyterLab asks for."; root=--allow-root; fi; \
	$(BIN)/python -m jupyter trust chapters/*.ipynb chapters/solutions/*.ipynb >/dev/null; \
	$(BIN)/python -m jupyter lab --ip=localhost $$root $(LAB_ARGS) chapters/01_concatenated_weights.ipynb

# Two notebooks at a time, one thread each: two threads each would wait for one another.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations=8 $(PYTEST_ARGS)

# Style and types, in seconds.
check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One after the other, on all cores; results and the machine they are from go to benchmarks/results.
bench: $(VENV)/lab.stamp
	$(BIN)/python benchmarks/recurrence.py

# Execute notebooks in place, as they are committed: make chapters NB=chapters/01_concatenated_weights.ipynb
NB ?= $(wildcard chapters/*.ipynb chapters/solutions/*.ipynb)
chapters: $(VENV)/test.stamp
	$(BIN)/python chapters/execute.py $(NB)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
