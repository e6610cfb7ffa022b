# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who build Panmodal.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --override overrides.txt
export OMP_NUM_THREADS ?= 2

.PHONY: help install dev demo test test-all lint types check bench clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/installed: pyproject.toml constraints.txt overrides.txt | $(BIN)/uv
	@echo "Installing Panmodal into .venv (about 6.5 GB, most of it torch; a few minutes) …"
	$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing what tests and benchmarks need …"
	$(INSTALL) --editable '.[dev]'
	@touch $@

install: .venv/installed  ## install Panmodal into .venv

dev: .venv/installed-dev  ## install Panmodal and what its tests and benchmarks need

demo: .venv/installed  ## run the main job on the embedded profile, offline
	$(BIN)/panmodal run "How many circles are in the picture? Cut out the largest one." -i examples/media/scene.png
	$(BIN)/panmodal run "What colour is the star?" -i examples/media/scene.png

# A process a core, four at most, each with one thread: most tests wait for Python, not for arithmetic.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test: .venv/installed-dev  ## the default test suite
	$(PYTEST)

test-all: .venv/installed-dev  ## every test, the slow ones too
	$(PYTEST) -m 'slow or not slow'

lint: .venv/installed-dev  ## ruff: rules and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev  ## mypy, strict, on a tree of links that looks like the installed package
	@rm -rf build/typing && mkdir -p build/typing/panmodal
	@ln -s ../../../agent/_facade/__init__.py build/typing/panmodal/__init__.py
	@ln -s ../../../agent/_facade/py.typed build/typing/panmodal/py.typed
	@for floor in agent tools planners prompts; do ln -s ../../../$$floor build/typing/panmodal/$$floor; done
	$(BIN)/mypy -p panmodal

check: lint types test  ## what CI runs

bench: .venv/installed-dev  ## the benchmarks, as ratios from one run
	$(BIN)/panmodal bench import --check
	$(BIN)/panmodal bench dag --check
	$(BIN)/panmodal bench steps --check
	$(BIN)/panmodal bench tools --check

clean:  ## remove what the commands above made, but not .venv
	rm -rf build dist panmodal-out .pytest_cache .ruff_cache .mypy_cache
