# `make help` lists the targets. They use an environment of their own, .venv, and need Python 3.11 or newer, make, and
# once the package index.

SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
NEEDS := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# The first Python that is new enough and can make environments; PYTHON=... names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help run demo test mutants soak man check format lock clean python

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.installed ## set up, read seeds/, deliver, and keep watching (stop with Ctrl-C)
	@exec $(BIN)/paperboy run

demo: $(VENV)/.installed ## show an alert, a mail, a quiz and a feed; nothing is left behind
	@exec $(BIN)/paperboy demo

# These tests cover domain and pipeline completely. All others run without the tracer, which before Python 3.14 doubles
# their time.
TRACED := tests/domain tests/pipeline tests/adapters/store/test_quizzes.py
# Two processes more than processors, because some tests wait.
PROCESSES ?= $(shell expr 2 + $$(getconf _NPROCESSORS_ONLN))
TESTS ?=
# Compiled files are kept, for the next run and for processes that tests start.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed-dev ## run all tests with coverage, or some (TESTS="tests/domain -x")
ifeq ($(TESTS),)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 10 --cov --traced "$(TRACED)"
else
	$(BIN)/python -m pytest -n $(PROCESSES) $(TESTS)
endif

MUTANTS ?=
mutants: $(VENV)/.installed-dev ## test 200 mutants of domain and pipeline (MUTANTS="--seed 2": others)
	@$(PIP) install -c constraints.txt --group mutants
	$(BIN)/python -m tools.mutants $(MUTANTS)

SECONDS ?= 600
soak: $(VENV)/.installed-dev ## run kills, floods and faults for 10 minutes (SECONDS=60: shorter)
	$(BIN)/python -m tests.e2e.soak --seconds $(SECONDS)

man: $(VENV)/.installed ## make the man page deploy/paperboy.1 from the commands
	$(BIN)/python -m tools.man

check: $(VENV)/.installed-dev ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## format the code, and list its files in docs/architecture.md
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tools.rooms

lock: $(VENV)/.installed-dev ## update constraints.txt to the newest versions
	@$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --group mutants --upgrade \
		--no-annotate --no-header --no-emit-index-url pyproject.toml -o constraints.txt

clean: ## remove the environment and temporary files, but not state/
	rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: $(NEEDS) | python
	@printf 'Setting up %s with %s (once, about a minute) ... ' $(VENV) "$$($(PYTHON) -V)"
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -c constraints.txt -e .
	@touch $@
	@echo 'done'

# Dependency groups need pip 25.1, which older Pythons do not bring.
$(VENV)/.installed-dev: $(VENV)/.installed
	@printf 'Adding what tests and checks need ... '
	@$(PIP) install -U 'pip>=25.1'
	@$(PIP) install -c constraints.txt -e '.[postgresql]' --group dev
	@touch $@
	@echo 'done'

python:
	@test -n '$(PYTHON)' || { \
		echo 'paperboy needs Python 3.11 or newer with its venv module.' >&2; \
		echo "Found: $$(python3 -V 2>&1 || true)." >&2; \
		echo 'On Debian and Ubuntu: apt install python3 python3-venv. Another Python: make PYTHON=/path/to/python3' >&2; \
		exit 2; }
