# `make` alone runs all that CI runs. `make setup` prepares .venv; every other target calls it and it is quick when
# nothing changed. PYTHON=python3.12 chooses the interpreter, WORKERS=1 the number of test processes.

PYTHON ?= python3
WORKERS ?= auto
# `make lock UPGRADE=--upgrade` takes the newest of everything.
UPGRADE ?=
# Where Python may write no bytecode, each of the many processes would compile every library anew: it is done once, here.
COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: all setup demo sandbox test lint format types imports docs reference bench schema lock clean
.DEFAULT_GOAL := all

all: setup
	@echo "== format" && $(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory lint types imports test docs
	@echo "== all passed"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "unghost needs Python 3.11 or newer: install it, or name it with make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "== making .venv"; rm -rf .venv; $(PYTHON) -m venv .venv; }
	@echo "== installing what requirements.lock names, each checked by its hash"
	@{ $(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv; } \
	  && $(BIN)/python -m uv pip sync $$(test -t 2 || echo -q) --python $(BIN)/python --require-hashes $(COMPILE) requirements.lock \
	  || { echo "== uv could not do it: trying with pip, which takes longer"; \
	       $(BIN)/python -m pip install -q --require-hashes -r requirements.lock; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . \
	  || PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@$(if $(COMPILE),$(BIN)/python -m compileall -q src examples || true)
	@touch $(STAMP)
	@echo "== ready: $(BIN)/unghost"

demo: setup
	@$(BIN)/unghost demo

sandbox: setup
	@$(BIN)/unghost sandbox

test: setup
	@echo "== tests"
	@$(BIN)/pytest -n $(WORKERS)

lint: setup
	@echo "== lint" && $(BIN)/ruff check .

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

types: setup
	@echo "== types" && $(BIN)/mypy

imports: setup
	@echo "== import rules" && $(BIN)/lint-imports --no-logo

docs: setup
	@echo "== docs" && $(BIN)/zensical build --clean --strict

reference: setup
	@$(BIN)/python -m tools.reference

bench: setup
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.ats
	@$(BIN)/python -m benchmarks.sandbox

schema: setup
	@$(BIN)/python -m unghost.postgres.schema

lock: setup
	@$(BIN)/python -m uv pip compile pyproject.toml --universal --generate-hashes --all-extras --group dev \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE) -q -o requirements.lock

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist site .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
