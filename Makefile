# The two to begin with: make demo, make test.  `make` alone lists the rest.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
HOME_DIRECTORY := $(or $(HOME),$(shell getent passwd $$(id -u) | cut -d: -f6))
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(or $(PATH),/usr/sbin:/usr/bin:/sbin:/bin):$(HOME_DIRECTORY)/.cargo/bin
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.PHONY: help setup demo check test test-kernel bench soak fuzz fmt lock clean

help:
	@echo 'make demo    set up what is missing and show a tunnel, from the first ping to the evidence'
	@echo '             (options of `gatewright demo`: make demo DEMO="--profile windows-2003")'
	@echo 'make test    all tests; make test T=tests/unit for a part (no Rust then)'
	@echo 'make test-kernel  all tests of the engine in the kernel, also those that make test leaves out'
	@echo 'make check   formatting, lints, types, import rules, file limits'
	@echo 'make bench   throughput and more beside the rivals, as ratios; make bench BENCH="--quick"'
	@echo 'make soak    half an hour of full load with rekeys every few seconds; make soak SOAK="--minutes 3"'
	@echo 'make fuzz    hostile input for parsers and machines; make fuzz FUZZ="--seconds 600"'
	@echo 'make setup   Debian packages, virtual environment, packet engine (the others call it)'
	@echo 'make fmt     format Python and Rust'
	@echo 'make lock    pin the Python packages anew (requirements.lock)'
	@echo 'make clean   remove what was built'

setup:
	@$(if $(PYTHON),,$(error no Python 3.11 or newer was found; make PYTHON=/path/to/python3.11))
	@$(PYTHON) -m tools.setup

demo: setup
	@gatewright demo $(DEMO)

check: setup
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
	python -m tools.check_test_paths
	python -m tools.file_limits

# The PyO3 crate has no tests of its own: it is tested through Python.
test: setup
ifeq ($(T),)
	cargo test --quiet --workspace --exclude gatewright-python --locked
	pytest
else
	pytest $(T)
endif

# In user-mode-linux: tests that take long and differ little from others are left out of make test.
test-kernel: setup
	pytest tests/kernel_engine -m uml

soak: setup
	python -m bench.soak $(SOAK)

bench: setup
	python -m bench $(BENCH)

fuzz: setup
	python -m fuzz $(FUZZ)

fmt: setup
	ruff check --fix-only --quiet .
	ruff format .
	cargo fmt --all

lock:
	$(BIN)/python -m pip install --quiet pip-tools
	env -u PIP_FIND_LINKS $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe \
		--strip-extras --no-emit-index-url --no-emit-find-links --no-emit-options --no-header \
		--extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv target build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	rm -f src/gatewright/_engine*.so
