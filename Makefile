# Every target sets up what it needs of .venv by itself when it is missing or older than the locks:
# .ready has what the pipeline needs, .dev what tests and linters need beside it.
PYTHON ?= python3
CORES ?= 4
# make report CONFIG=params/full.yaml runs a preset.
CONFIGFILE = $(if $(CONFIG),--configfile $(CONFIG))
VENV := .venv
READY := $(VENV)/.ready
DEV := $(VENV)/.dev
PIP := $(VENV)/bin/pip --disable-pip-version-check --quiet
# Compiled afterwards on all cores, without the tests that packages bring along: by itself, pip
# compiles every file on one core, which took half of its time.
INSTALL := $(PIP) install --no-compile
COMPILE := $(VENV)/bin/python -m compileall -qq -j 0 -x '/tests?/|/_internal/' $(VENV)/lib || true
# uv makes the locks: `make lock` resolves them anew from the ranges in pyproject.toml.
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.10.1
# As if the environment were activated. By its own rules, an old make looks for programs without a
# shell, in the PATH that it was started with.
SHELL := /bin/bash
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup report repro smoke track ui to-dvc to-snakemake pull diff dag verify \
    reliability bench growth test test-fast lint lock audit clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## set up .venv for the pipeline with the versions of requirements.lock

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("vaepipe needs Python 3.11 or newer; name one: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --requirement requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(COMPILE)
	touch $@

$(DEV): $(READY) requirements-dev.lock
	$(INSTALL) --requirement requirements-dev.lock
	$(COMPILE)
	touch $@

report: $(READY)  ## run the whole pipeline and say where the report is
	snakemake --cores $(CORES) $(CONFIGFILE)
	@echo "The report is $(CURDIR)/results/report.html"

repro: $(READY)  ## the same with DVC, after a check of params.yaml
	vaepipe check params.yaml
	dvc repro

smoke: $(READY)  ## run the whole graph in under a minute, on little training; replaces results
	snakemake --cores $(CORES) --configfile params/smoke.yaml

to-dvc: $(READY)  ## after snakemake: let DVC take its results, without running anything
	vaepipe handover dvc

to-snakemake: $(READY)  ## after dvc repro, checkout or pull: let Snakemake take the results
	vaepipe handover snakemake

pull: $(READY)  ## fetch the results of the checked-out version from DVC's remote
	vaepipe pull

# make diff OLD=v1 NEW=v2
diff: $(READY)  ## compare the last committed results, or OLD, with the working tree, or NEW
	vaepipe diff $(or $(OLD),HEAD) $(NEW)

dag: $(READY)  ## draw the graph of the stages in docs/dag.svg; needs Graphviz
	snakemake --rulegraph dot | tred | dot -Tsvg -Grankdir=LR -o docs/dag.svg

track: $(READY)  ## log the results to MLflow again, such as after its database was deleted
	snakemake --cores $(CORES) --forcerun track $(CONFIGFILE)

PORT ?= 5000
ui: $(READY)  ## MLflow's UI on the loopback address, with links to the comparison
	vaepipe ui --port $(PORT)

verify: $(READY)  ## run one run of each model again and compare it, bit for bit, with the results
	vaepipe verify

PYTEST := python -m pytest --numprocesses 2 --dist worksteal
# Runs the tests that count what they try, and writes docs/reliability.json and the table in the page.
STRENGTH ?= 10
reliability: $(DEV)  ## faults, kills and made-up params at ten times the strength of the tests
	VAEPIPE_STRENGTH=$(STRENGTH) VAEPIPE_RECORD=docs/reliability.json \
	    $(PYTEST) --timeout 7200

# The peer that it is measured against, beside the versions of the lock.
$(VENV)/.bench: $(READY)
	$(INSTALL) --constraint requirements-dev.lock --no-build-isolation --editable '.[bench]'
	touch $@

bench: $(VENV)/.bench  ## measure speed and memory against peers and the floor: 15 to 40 minutes
	python -m benchmarks

growth: $(READY)  ## measure time and memory against sizes; 8 GB of disk: a quarter of an hour
	python -m benchmarks.growth

test: $(DEV)  ## run all tests
	$(PYTEST)

test-fast: $(DEV)  ## run the tests that take no pipeline, no server and no browser: a minute
	$(PYTEST) -m 'not (pipeline or server or browser or slow)'

lint: $(DEV)  ## check format, style, which package imports which, and the lists of code in dvc.yaml
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	lint-imports
	python -m pytest --no-header tests/test_stage_code.py tests/test_private_api.py

RESOLVE := uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
    --no-annotate --no-header
# What only a CUDA build of torch needs is left out: torch pins it, and a CPU build does without.
NO_CUDA := grep -vE '^(nvidia-|cuda-|triton)'
# What `snakemake --software-deployment-method conda` installs.
CONDA := workflow/envs/vaepipe.yaml

lock: $(READY)  ## resolve the ranges of pyproject.toml to both locks anew
	$(PIP) install uv==$(UV_VERSION)
	$(RESOLVE) | $(NO_CUDA) > requirements.lock
	{ sed '/- pip:/q' $(CONDA); sed "s/.*/      - \"&\"/" requirements.lock; } > $(CONDA).new
	mv $(CONDA).new $(CONDA)
	$(RESOLVE) --extra dev --constraint requirements.lock | $(NO_CUDA) > requirements-dev.lock

# In an environment of its own: it is no part of what it looks at. --strict: a package that could
# not be looked up is a failure, and not one without advisories.
audit:  ## check requirements-dev.lock, which has all of both, for known advisories; needs the network
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip --disable-pip-version-check --quiet install pip-audit==$(PIP_AUDIT_VERSION)
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements-dev.lock

clean:  ## remove all results, but neither data nor .venv
	rm -rf results .snakemake
