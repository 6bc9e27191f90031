# Each target sets up what it needs: Python 3.11 or newer, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

PORT ?= 8080

BENCH_STAMP := $(VENV)/.installed-bench

# Peers that are whole annotation tools; each in an environment of its own, where `bench/peers/large.py` looks for it.
LARGE := $(VENV)/peers

.PHONY: setup run test drill demo bench bench-quick bench-large bench-packages bench-large-packages bench-restore bench-scale profile lint format

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

run: $(STAMP)
	$(BIN)/annolog serve --port $(PORT)

test: $(STAMP)
	$(BIN)/pytest

demo: $(STAMP)
	$(BIN)/python -m bench.demo

# Whatever the rounds find, the campaigns run too; the exit code tells of both. 130: somebody has interrupted it.
drill: $(STAMP)
	code=0; \
	$(BIN)/annolog drill --rounds 200 --clients 50 --faults kill --report drill-report || code=$$?; \
	test $$code -ne 130 || exit $$code; \
	$(BIN)/python -m tests.campaigns --report drill-report || { other=$$?; test $$code -ne 0 || code=$$other; }; \
	exit $$code

# The peers that come from Python's registry.
$(BENCH_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,bench]"
	touch $@

# Those that come from Debian; it needs root. What is missing is named in the tables.
bench-packages:
	apt-get update
	apt-get install --yes --no-install-recommends redis-server webdis etcd-server postgresql

bench-large-packages: $(LARGE)/label-studio/.installed $(LARGE)/doccano/.installed

$(LARGE)/%/.installed: bench/peers/%.txt | $(STAMP)
	test -x $(LARGE)/$*/bin/python || $(BIN)/python -m venv $(LARGE)/$*
	$(LARGE)/$*/bin/pip install --quiet --requirement $<
	touch $@

bench: $(BENCH_STAMP)
	$(BIN)/python -m bench.create
	$(BIN)/python -m bench.compare
	$(BIN)/python -m bench.scale

bench-large: $(BENCH_STAMP)
	$(BIN)/python -m bench.compare --large --only create --only get --only list --results bench/results/large

bench-quick: $(STAMP)
	$(BIN)/python -m bench.compare --quick

profile: $(BENCH_STAMP)
	$(BIN)/python -m bench.profile

bench-restore: $(STAMP)
	$(BIN)/python -m bench.restore

bench-scale: $(STAMP)
	$(BIN)/python -m bench.scale

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
