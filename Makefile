# make lab      opens the book in JupyterLab; options for it: LAB_ARGS="--no-browser"
# make fresh    gives the book's notebooks back, and puts yours into my/
# make test     runs every test and every chapter
# make check    style and types, in seconds; make hooks lets git do that before each commit
# make bench    measures speed, ten minutes; make scoreboard the tables of chapter 12, an hour and a half
# make chapter NB=04        checks one chapter; make execute NB=04 executes it and stores its outputs
# make new NB=11_sampling   lays out a new chapter; make claims NB=04 says which cell tests which of its sentences
# make pictures             draws the README's pictures; one of them: NAMES=04
# All of them set up .venv first (make setup); afterwards that takes no time and no network. make clean takes it away.

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
# Which chapters: the number of one, all without it.
NB ?= [0-9][0-9]
FIRST := /lab/tree/chapters/01_concatenated_weights.ipynb

.PHONY: help setup lab test check chapter execute new claims pictures fresh bench scoreboard hooks clean

help:
	@sed -n '1,9s/^# //p' Makefile

# JupyterLab is told not to ask whether it may fetch its news.
$(VENV)/lab.stamp: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e '.[book]'
	$(BIN)/python -m jupyter labextension disable @jupyterlab/apputils-extension:announcements 2>/dev/null
	touch $@

$(VENV)/test.stamp: $(VENV)/lab.stamp
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e '.[book,test]'
	touch $@

setup: $(VENV)/lab.stamp
	@echo "The book is set up in $(VENV). Open it with make lab."

# A chapter's number that is none is said to be, before anything starts.
.PHONY: number
number:
	@ls chapters/$(NB)_*.ipynb >/dev/null 2>&1 || { echo "NB must be a chapter's two digits, such as NB=03, got $(NB)"; exit 1; }

lab: $(VENV)/lab.stamp
	@if [ "$$(id -u)" = 0 ]; then echo "Running as root: adding --allow-root, which JupyterLab asks for."; root=--allow-root; fi; \
	$(BIN)/python -m jupyter trust chapters/*.ipynb chapters/solutions/*.ipynb >/dev/null; \
	$(BIN)/python -m jupyter lab --ip=localhost --ServerApp.root_dir=. --LabApp.default_url=$(FIRST) $$root $(LAB_ARGS)

# Two notebooks at a time, one thread each: two threads each would wait for one another. And a third process, since the
# browser's tests begin first and spend much of their time waiting.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --durations=8 $(PYTEST_ARGS)

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

# One chapter, its solutions, and what must hold for every notebook.
chapter: number $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 chapters/$(NB)_*.ipynb chapters/solutions/$(NB)_*.ipynb \
	    tests/test_notebooks.py tests/test_exercises.py

# As they are committed: run from top to bottom, outputs stored.
execute: number $(VENV)/test.stamp
	$(BIN)/python tools/execute.py chapters/$(NB)_*.ipynb chapters/solutions/$(NB)_*.ipynb

new: $(VENV)/test.stamp
	$(BIN)/python tools/new_chapter.py $(NB)

# Each sentence that states something, and the line that tests it; first what is missing.
claims: number $(VENV)/test.stamp
	@for path in chapters/$(NB)_*.ipynb; do number=$$(basename $$path | cut -c1-2); \
	$(BIN)/python tools/claims.py $$number; $(BIN)/python tools/claims.py --print $$number; done

# Which ones: make pictures NAMES="cover 04"; all without it.
pictures: $(VENV)/test.stamp
	$(BIN)/python tools/pictures.py $(NAMES)

fresh: $(VENV)/lab.stamp
	$(BIN)/python tools/fresh.py

# One after the other, on all cores; results and the machine they are from go to benchmarks/results.
bench: $(VENV)/lab.stamp
	$(BIN)/python benchmarks/recurrence.py

scoreboard: $(VENV)/lab.stamp
	$(BIN)/python benchmarks/scoreboard.py

hooks:
	git config core.hooksPath tools/hooks

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
