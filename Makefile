# The few commands one needs; each works in a fresh clone.  PYTHON= names another interpreter.
PYTHON ?= python3
BIN    := .venv/bin

help:
	@echo "make setup                  .venv with csep, what the tests need, and the linters"
	@echo "make build                  compile after a change to C or Cython"
	@echo "make test [ARGS=...]        the tests (pytest's options in ARGS)"
	@echo "make lint                   the linters of CI; make format mends what they can"
	@echo "make native                 the C tests under sanitizers: vocabulary, kernels, plans, faults"
	@echo "make fuzz [RUNS=50000]      libFuzzer on the C API"
	@echo "make forms                  what each form of an argument costs"
	@echo "make compile_commands.json  for editors: how each C file is compiled"
	@echo "make ci                     everything that must pass"
	@echo "make clean                  remove what was built, but for .venv"

$(BIN)/python:
	$(PYTHON) -m venv .venv

setup: $(BIN)/python
	$(BIN)/pip install -e ".[test,lint]"

build: $(BIN)/python
	$(BIN)/pip install -q --no-deps -e .

test:
	$(BIN)/python -m pytest $(ARGS)

lint:
	PATH="$(CURDIR)/$(BIN):$$PATH" pre-commit run --all-files

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files "*.[ch]" | xargs $(BIN)/clang-format -i

native:
	$(MAKE) -C tests/native run run-threads

fuzz:
	$(MAKE) -C tests/native run-fuzz FUZZ_CC="$$(command -v clang clang-14 | head -n 1)"

forms:
	$(BIN)/python benchmarks/forms.py

compile_commands.json: setup.py $(wildcard src_c/*/*.[ch] src_c/*/*/*.h)
	$(BIN)/pip install -q "setuptools>=77" "cython>=3.1" "numpy>=2.0"
	$(BIN)/python setup.py -q compile_commands

ci:
	.ci/run

clean:
	rm -rf build csep/lib csep/include csep/*.so *.egg-info compile_commands.json
	$(MAKE) -C tests/native clean

.PHONY: help setup build test lint format native fuzz forms ci clean
