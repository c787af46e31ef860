# wgen-tui: `make demo` runs the main job on the embedded model, `make test` the tests.
PYTHON ?= python3
VENV ?= .venv
LOWEST ?= .venv-lowest
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo miniatures test check bench gpu lowest drill docs screenshots clean

demo: $(STAMP)
	$(BIN)/wgen-tui demo $(ARGS)

# The shelf's miniatures in full, a minute or two each on two quiet cores; then look with wgen-tui --home.
MINIATURES ?= $(notdir $(wildcard experiments/tiny-*))
miniatures: $(STAMP)
	for name in $(MINIATURES); do \
		$(BIN)/wgen-tui --home build/miniatures run start $$name && \
		$(BIN)/wgen-tui --home build/miniatures results $$name || exit 1; done

# What one process compiles the next one finds, whatever the environment says: some hundred start.
test: $(STAMP)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks $(ARGS)

gpu: $(STAMP)
	$(BIN)/python -m tests.gpu $(ARGS)

# The suite's quick part with every direct dependency at its lowest version; takes a network.
lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

$(LOWEST)/.installed: $(STAMP) tests/lowest.py
	$(PYTHON) -m venv --clear $(LOWEST)
	$(BIN)/python tests/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c $(LOWEST)/constraints.txt -e '.[dev]'
	touch $@

drill: $(STAMP)
	$(BIN)/python -m tests.drill $(ARGS)

docs: $(STAMP)
	$(BIN)/python -m store.docs
	$(BIN)/python -m wgen_tui.cli.docs
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/models.py

screenshots: $(STAMP)
	$(BIN)/python docs/screenshots.py $(ARGS)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(LOWEST) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
