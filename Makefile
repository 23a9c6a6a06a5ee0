# Two commands matter: `make demo` shows the product at work, `make test` proves it.
# Both set up all that they need, into .cache/ and .cluster/, and can be run again at any time.

UV_VERSION := 0.13.9
UV := .cache/uv/bin/uv
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# Integration tests mostly wait, each file for servers of its own: so many files at a time, on however few cores.
WORKERS ?= 4
export UV_PROJECT_ENVIRONMENT := .venv

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test lint types unit integration prepare e2e generate format cluster cluster-down clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/ready ## the main job, for real: a cluster, `helm install`, two Relays, growing streams (SOURCE=pds: a real PDS)
	@$(PY) -m e2e.demo $(if $(SOURCE),--source $(SOURCE))

demo-down: .venv/ready ## remove all that the demo and the tests started
	@$(PY) -m e2e.demo --down

test: lint types prepare unit integration e2e ## every check and test, with the set-up that they need

lint: .venv/ready ## format, lint and import rules
	@echo "==> format, lint, import rules"
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@.venv/bin/lint-imports

types: .venv/ready ## mypy --strict
	@echo "==> types"
	@$(PY) -m mypy

prepare: .venv/ready ## packages, cluster tools and images: minutes when cold, seconds after
	@echo "==> set-up"
	@$(PY) -m e2e.prepare

unit: .venv/ready ## tests without any server
	@echo "==> unit tests"
	@$(PYTEST) tests/unit -q -n auto -p no:cacheprovider

integration: .venv/ready ## tests with a real Redis, real WebSockets and a real API server
	@echo "==> integration tests, $(WORKERS) files at a time"
	@$(PYTEST) tests/integration -q -n $(WORKERS) --dist loadfile -p no:cacheprovider

e2e: .venv/ready ## tests on a real cluster
	@echo "==> tests on a cluster"
	@$(PY) -m e2e.run

generate: .venv/ready ## write the CRDs from the models
	@$(PY) -m sluice_operator.api.crd

format: .venv/ready ## format the code and mend what ruff can mend
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

cluster: .venv/ready ## start the local cluster alone
	@$(PY) -m e2e.cluster up

cluster-down: .venv/ready ## stop the local cluster and remove its state
	@$(PY) -m e2e.cluster down

clean: ## remove all caches: the next run is a cold one
	@if [ -x $(PY) ]; then $(PY) -m e2e.demo --down; fi
	rm -rf .cache .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	@echo "==> uv $(UV_VERSION) into .cache/uv"
	@python3 -m venv .cache/uv
	@.cache/uv/bin/pip install --quiet uv==$(UV_VERSION)

.venv/ready: $(UV) pyproject.toml uv.lock
	@echo "==> Python packages into .venv"
	@$(UV) sync --frozen --quiet
	@touch $@
