# Every target prepares what it needs: a machine with Python 3.11 or later and make is enough.
#   make demo     a tour of the router with simulated providers, then a server to try
#   make serve    the router itself
#   make test     all tests
#   make bench    what the router costs on this machine; writes docs/performance.md
#   make check    format, lint, types, import contracts, documents

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --quiet

# Compiled modules are kept, whatever the environment says: without them each of the many processes
# of a tour, a benchmark or a test run compiles for seconds before it begins.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo serve test bench check format classifier lock clean

help:
	@sed -n '2,6s/^# *//p' Makefile

demo: $(VENV)/.ready-run
	@$(BIN)/llmrouter demo

serve: $(VENV)/.ready-run
	@$(BIN)/llmrouter serve $(ARGS)

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.ready-run
	@$(BIN)/python -m benchmarks --write docs/performance.md $(ARGS)
	@$(BIN)/python -m benchmarks.guard

check: $(VENV)/.ready-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.check

format: $(VENV)/.ready-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Trains the packaged classifier anew and writes docs/classifier.md; DATA is a folder with labelled
# prompts (training/ says in which form).
classifier: $(VENV)/.ready-training
	@test -n "$(DATA)" || { echo "say where the labelled prompts are: make classifier DATA=folder"; exit 2; }
	@$(BIN)/python -m training.train --data "$(DATA)"

# Writes the lock files anew; needs uv.  They name versions and hashes, and no place to fetch from.
lock:
	uv pip compile $(LOCK_FLAGS) pyproject.toml --group build -o requirements.lock
	uv pip compile $(LOCK_FLAGS) pyproject.toml --extra postgresql --group dev -o requirements-dev.lock
	uv pip compile $(LOCK_FLAGS) pyproject.toml --group build --group training \
	  -o requirements-training.lock

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --no-python-downloads --python "$(PYTHON)" $(VENV); \
	else \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "llmrouter needs Python 3.11 or later")' \
	  && $(PYTHON) -m venv $(VENV); \
	fi

# $(1): the lock file to install from.  The package itself is installed editable, without a build
# environment of its own: its build backend is in the lock, too.
define install
	@echo "Preparing $(VENV) from $(1) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1) && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
endef

$(VENV)/.ready-run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.ready-run

$(VENV)/.ready-training: requirements-training.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-training.lock)
	@touch $@
