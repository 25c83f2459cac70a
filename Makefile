# make demo: the main job. make test: every test. Each makes its own .venv from pyproject.toml.
PYTHON ?= python3
export JAX_PLATFORMS ?= cpu
VENV ?= .venv
BIN := $(VENV)/bin
EXTRA ?=

.PHONY: demo test lint stress bench docs clean

$(VENV)/.made: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[test,lint$(EXTRA)]"
	@touch $@

demo: $(VENV)/.made
	$(BIN)/python examples/demo.py

test: $(VENV)/.made
	$(BIN)/python -m pytest -n 2 tests
	$(BIN)/python -m pytest --doctest-modules ncd theory

lint: $(VENV)/.made
	$(BIN)/python -m ruff check .

stress: $(VENV)/.made
	NCD_EXAMPLES=1000 $(BIN)/python -m pytest -n 2 tests/laws tests/semantics
	NCD_EXAMPLES=10000 $(BIN)/python -m pytest -n 2 tests/unit/draw/test_geometry.py

bench: $(VENV)/.made
	$(BIN)/python -m tests.bench

docs: $(VENV)/.made
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

clean:
	rm -rf $(VENV) docs/_build demo_output .pytest_cache .hypothesis .ruff_cache
