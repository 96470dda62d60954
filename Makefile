# Short targets; each does all the set-up it needs, and nothing twice.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
# Pinned before anything that depends on it: an unpinned torch may bring gigabytes of CUDA.
TORCH ?= torch==2.13.0
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
READY := .venv/.ready
COMPILED := .venv/.compiled
# The peers are many and want an older numpy and pandas: they get an environment of their own.
BENCH := .venv-bench
ARGS ?=

.PHONY: run test fuzz lab bench lint clean setup slow

run: setup        ## the live session and its dashboard
	@$(BIN)/genesis run $(ARGS)

test: setup       ## every test that fits in ten minutes, and the notebooks
	@status=0; \
	$(BIN)/python -m pytest -m "not slow" $(ARGS) || status=1; \
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=300 notebooks || status=1; \
	exit $$status

slow: setup       ## the long tests
	@$(BIN)/python -m pytest -m slow $(ARGS)

fuzz: setup       ## mutated messages through the scanner, random streaming networks, under sanitizers
	@$(BIN)/python tests/orderbook_ext/fuzz/run.py $(ARGS)

lab: setup        ## JupyterLab on the notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks --MappingKernelManager.default_kernel_name=genesis $(ARGS)

bench: setup $(BENCH)/.ready  ## ratios against peers, in one run
	@$(BENCH)/bin/genesis bench $(ARGS)

lint: setup       ## style and the import contract
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

setup: $(COMPILED)

$(READY): setup.py
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed and was not found" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (a few minutes the first time) ..." >&2
	@$(PIP) install -q "setuptools>=77" wheel "cython>=3.3,<3.4"
	@$(PIP) install -q "$(TORCH)"
	@$(PIP) install -q --no-build-isolation -e ".[test]"
	@$(BIN)/python -m ipykernel install --sys-prefix --name genesis --display-name "Genesis" >/dev/null
	@$(BIN)/jupyter labextension disable "@jupyterlab/apputils-extension:announcements" >/dev/null 2>&1 || \
		echo "make: JupyterLab's announcements could not be switched off; it may ask for news from the web" >&2
	@touch $(READY) $(COMPILED)

$(BENCH)/.ready: setup.py
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@echo "Setting up $(BENCH) with the peers (a few minutes the first time) ..." >&2
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install -q "setuptools>=77" wheel "cython>=3.3,<3.4"
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install -q "$(TORCH)"
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install -q --no-build-isolation -e ".[bench]"
	@touch $@

$(COMPILED): $(READY) $(wildcard orderbook_ext/*.pyx orderbook_ext/*.pxd orderbook_ext/*.h)
	@$(BIN)/python setup.py -q build_ext --inplace
	@touch $(COMPILED)

clean:            ## everything made here; data, models and reports stay
	rm -rf build *.egg-info .pytest_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache .venv $(BENCH)
	find genesis_lib orderbook_ext tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f orderbook_ext/*.so orderbook_ext/*.c
