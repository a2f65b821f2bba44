# Two commands do everything: `make demo` and `make test`. The rest is for those who work on ClickTrain.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps
TESTED := $(CURDIR)/requirements/tested.txt

# Every pip there is below this point, also those that tox and package builds start, keeps to the tested versions.
export PIP_CONSTRAINT := $(TESTED)
export PIP_BUILD_CONSTRAINT := $(TESTED)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# napari opens only where there is a display, and only then its libraries are needed.
DEMO_LIBRARIES := venv $(if $(DISPLAY)$(WAYLAND_DISPLAY),gui)

.PHONY: help
help: ## show these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

.PHONY: demo
demo: libraries-demo $(STAMPS)/all ## train and predict the bundled image, write demo.png; with a display, open napari on it
	$(BIN)/clicktrain demo

.PHONY: test
test: libraries-test $(STAMPS)/tox ## lint, types, imports, docs, wheel and all tests
	PYTHON="$(BIN)/python" bash scripts/run_checks.sh

.PHONY: check
check: libraries-venv $(STAMPS)/dev ## the daily round: lint, types, imports and the tests without a window
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/typos
	$(BIN)/mypy
	PYTHONPATH=src:. $(BIN)/lint-imports
	OMP_NUM_THREADS=1 GOMP_SPINCOUNT=0 $(BIN)/pytest tests --ignore=tests/napari -m "not gpu" -n auto --dist loadfile -q

.PHONY: docs
docs: libraries-venv $(STAMPS)/dev ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: lock
lock: libraries-venv $(STAMPS)/venv ## write requirements/tested.txt anew
	PIP_CONSTRAINT= $(BIN)/python -m pip install --quiet --upgrade pip
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= $(BIN)/python scripts/lock_tested_versions.py

.PHONY: dev
dev: libraries-venv $(STAMPS)/dev ## all that is needed to work on ClickTrain, in .venv
	$(BIN)/pre-commit install

.PHONY: clean
clean: ## remove all that the other commands made
	rm -rf .venv .tox build dist site demo.png .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.PHONY: libraries-venv libraries-demo libraries-test
libraries-venv:
	@PYTHON="$(PYTHON)" bash scripts/install_system_libraries.sh venv
libraries-demo:
	@PYTHON="$(PYTHON)" bash scripts/install_system_libraries.sh $(DEMO_LIBRARIES)
libraries-test:
	@PYTHON="$(PYTHON)" bash scripts/install_system_libraries.sh venv gui xvfb

$(STAMPS)/venv:
	$(PYTHON) -m venv --clear .venv
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/all: $(STAMPS)/venv pyproject.toml requirements/tested.txt
	# scikit-learn is what benchmarks compare with; old pips know no --group, so it is named here.
	$(BIN)/python -m pip install --quiet --editable ".[all]" scikit-learn
	touch $@

$(STAMPS)/dev: $(STAMPS)/all
	# Old pips know no --group.
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

$(STAMPS)/tox: $(STAMPS)/venv requirements/tested.txt
	$(BIN)/python -m pip install --quiet tox
	touch $@
