# Nocturne: `make run` runs the main job on the bundled real data, `make test` runs the tests.
.DEFAULT_GOAL := help
.PHONY: help run setup setup-dev test test-slow test-strangers test-deep soak fuzz mutants audit sbom install-units lint format bench docs up down lock clean

VENV := .venv/bin
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false
# If it is set, each of many short processes compiles everything it imports.
export PYTHONDONTWRITEBYTECODE :=
# The tests of a file share one process, and with it what is costly to set up.
PYTEST = $(VENV)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= 2

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: setup ## install, then import, check, search, train, release, report and trade a replayed day
	@$(VENV)/nocturne demo

setup: ## install what `make run` needs into .venv
	@scripts/setup.sh requirements.lock

setup-dev:
	@scripts/setup.sh requirements-dev.lock

# Some tests wait for sockets and processes: one worker more than cores keeps the cores busy.
test: WORKERS = $(shell echo $$(( $(CORES) < 7 ? $(CORES) + 1 : 8 )))
test: setup-dev ## the quick tests (minutes)
	@scripts/setup_postgres.sh
	@scripts/setup_systemd.sh
	$(PYTEST) -m "not slow"

test-slow: setup-dev ## the long tests: kill loops, all symbols, a browser
	@scripts/setup_browser.sh
	@scripts/setup_postgres.sh
	$(PYTEST) -m slow --ignore tests/strangers

test-strangers: setup-dev ## bots of others, unmodified, against the sandbox: freqtrade, nautilus_trader, ...
	$(PYTEST) -m slow tests/strangers

test-deep: setup-dev ## the tests of the extra `deep` (PyTorch), in an interpreter of their own
	@scripts/setup_deep.sh
	.venv-deep/bin/python -m pytest tests/deep/deep_*.py

soak: setup-dev ## the fault campaigns: ROUNDS=44 times five kills in five windows, DAYS=2 of all faults
	NOCTURNE_SOAK_ROUNDS=$(or $(ROUNDS),44) NOCTURNE_SOAK_DAYS=$(or $(DAYS),2) $(PYTEST) tests/faults/soak_*.py

fuzz: setup-dev ## the property tests with new random examples, ROUNDS=5 times
	for round in $$(seq $(or $(ROUNDS),5)); do \
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) $$(grep -rl "^from hypothesis" tests --include="test_*.py") || exit 1; done

mutants: setup-dev ## faults that the tests must notice (hours); SAMPLE=300 SEED=3 for some, ONLY=FOLDER
	$(VENV)/python scripts/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(FRESH),--fresh)

lint: setup-dev ## ruff, mypy, import-linter, sqlfluff, the vocabulary
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/sqlfluff lint --disable-progress-bar sql
	$(VENV)/python scripts/check_vocabulary.py

format: setup-dev ## rewrite the code in the project's format
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

bench: setup-dev ## measure the figures of benchmarks/ and compare them with peers
	@scripts/setup_peers.sh
	@failed=; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(VENV)/python $$file || failed="$$failed $$file"; done; \
	test -z "$$failed" || { echo "not all figures were reached or taken:$$failed"; exit 1; }

docs: setup-dev ## make the site of the documents in .work/site
	@rm -rf .work/pages && mkdir -p .work/pages && cp -r *.md LICENSE docs .work/pages
	$(VENV)/zensical build --clean

up: setup ## start a Prefect server, a worker and the scheduled deployments on this machine
	@$(VENV)/python -m flows.hosting.local up

down: ## stop what `make up` started
	@$(VENV)/python -m flows.hosting.local down

lock: ## resolve the dependencies again
	$(VENV)/uv pip compile -q --universal --python-version 3.11 pyproject.toml --extra research --extra assistant --extra dev \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements-dev.lock
	$(VENV)/uv pip compile -q --universal --python-version 3.11 pyproject.toml --extra research \
		-c requirements-dev.lock --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		-o requirements.lock

audit: setup ## look the pinned packages up in the database of vulnerabilities (needs a network)
	@PATH="$(CURDIR)/$(VENV):$$PATH" $(VENV)/python scripts/audit.py

sbom: setup ## write the bill of materials of the pinned packages (CycloneDX) to .work/sbom.cdx.json
	@$(VENV)/python scripts/sbom.py

install-units: setup ## write the systemd units: PREFIX=/usr/local USER_OF_UNITS=nocturne SETTINGS=config/settings.toml
	@$(VENV)/python scripts/install_units.py --prefix $(or $(PREFIX),/usr/local) \
		--user $(or $(USER_OF_UNITS),nocturne) $(if $(SETTINGS),--settings $(SETTINGS))

clean: ## remove the output of runs (the lake under .work, caches); .venv stays
	rm -rf .work .pytest_cache .mypy_cache .ruff_cache .hypothesis
