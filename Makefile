.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# All of them, by name: the package itself is not installed from elsewhere for its extra `all`.
EXTRAS := test,dev,butler,pipeline,bps,dask,postgres,plot,cosmics
RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs')

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

# The two stamps below are all the set-up there is; every other target leans on them.

$(VENV)/tools: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cfhtisr needs Python 3.11 or newer")'
	@command -v cargo >/dev/null || { echo "cfhtisr needs a Rust toolchain (cargo)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.8,<2'
	touch $@

$(VENV)/develop: $(VENV)/tools $(RUST)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --quiet --extras $(EXTRAS)
	touch $@

.PHONY: develop
develop: $(VENV)/develop ## set up .venv with the package, editable, and all tools

.PHONY: demo
demo: develop ## simulate a full 40-CCD exposure, correct it, compare with the truth
	$(BIN)/cfhtisr demo -o demo

.PHONY: test
test: develop ## every test, in two processes
	cargo test --quiet
	$(BIN)/python -m pytest -n $(WORKERS)

.PHONY: prove
prove: develop ## the tests again, with many more examples and every fault (hours)
	HYPOTHESIS_PROFILE=thorough CFHTISR_PROVE=1 $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: lint
lint: develop ## formatting, lints and types, Rust and Python
	cargo fmt --check
	cargo clippy --quiet --all-targets --features python -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/stubtest cfhtisr._kernels

.PHONY: format
format: develop ## put the source into its one format
	cargo fmt
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: develop ## time us, our peers and the limit of the hardware, in rounds: docs/speed.md
	$(BIN)/python -m benches.speed $(BENCH)

.PHONY: bench-quick
bench-quick: develop ## the same in one round of 4 CCDs, to the terminal
	$(BIN)/python -m benches.speed --quick $(BENCH)

.PHONY: bench-kernels
bench-kernels: develop ## time every kernel alone, at MegaCam size
	cargo bench --quiet

.PHONY: docs-parity
docs-parity: develop ## compute again what the two parities do: docs/parity.md
	$(BIN)/python docs/parity.py docs/parity.md

.PHONY: wheel
wheel: $(VENV)/tools ## build the wheel into dist/
	$(BIN)/maturin build --release --out dist

.PHONY: clean
clean: ## remove what was built; the sources stay
	rm -rf target $(VENV) demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
