# Two commands are all it takes: `make demo` and `make test`.
# Both create the virtual environment in .venv on first use and share it.

VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
EXTRAS := $(VENV)/.ready-extras
PRESET ?= cpu
JOBS   ?= 2

.PHONY: demo test lint format clean help

help:
	@echo "make demo    restore sample photos, then pre-train, fine-tune and compare (PRESET=smoke for two minutes)"
	@echo "make test    format, lint, type and import checks, then the test suite"
	@echo "make format  rewrite the sources in the project's format"
	@echo "make clean   remove the virtual environment and caches"

demo: $(READY)
	$(BIN)/maskdcpt demo --preset $(PRESET)

test: lint $(EXTRAS)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch goes first and alone, so that no other package decides which build of it is taken.
$(READY): pyproject.toml constraints.txt
	@sh scripts/make-venv "$(VENV)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $(READY)

# Only the tests need it.
$(EXTRAS): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[cluster,export,heif,openvino,ui]"
	@touch $(EXTRAS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
