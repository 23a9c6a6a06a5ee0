# Two commands matter: `make demo` shows Sluice at work, `make test` runs every check and test.
# Both set up all that they need, in .cache/ and .cluster/, and can be run again at any time.

UV_VERSION := 0.13.9
UV := .cache/uv/bin/uv
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# How many files of integration tests run at a time. They mostly wait for servers, so that few cores are enough.
# They run at a lower priority than the cluster, whose deadlines do not wait for a busy machine.
WORKERS ?= 8
# The exit code of pytest when it has no test to run.
NO_TESTS := 5
# The packages as a wheel has them, with the compiled modules: see hatch_build.py. Python prefers those on PYTHONPATH.
COMPILED := $(CURDIR)/.venv/compiled
export UV_PROJECT_ENVIRONMENT := .venv

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test prove bench bench-operator lint types unit integration prepare e2e generate format cluster cluster-down clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/ready ## a cluster, `helm install`, two Relays, growing streams (SOURCE=pds: events of the reference PDS)
	@$(PY) -m e2e.demo $(if $(SOURCE),--source $(SOURCE))

demo-down: .venv/ready ## remove all that the demo and the tests started
	@$(PY) -m e2e.demo --down

test: .venv/ready ## every check and test, side by side, with the set-up that they need
	@MAKE="$(MAKE)" $(PY) -m e2e.suite

prove: prepare ## proofs that take longer than `make test` may: the tests with the marker `prove`
	@echo "==> proofs"
	@PYTHONPATH=$(COMPILED)/packages $(PYTEST) tests/unit tests/integration -q -m prove -p no:cacheprovider || [ $$? -eq $(NO_TESTS) ]
	@$(PY) -m e2e.run -m prove || [ $$? -eq $(NO_TESTS) ]

bench: $(COMPILED)/ready ## the speed of the ingester beside commit 9d613d4, ten minutes (BENCH_ARGS=--quick: one minute)
	@PYTHONPATH=$(COMPILED)/packages $(PY) -m bench.ingester_speed $(BENCH_ARGS)

bench-operator: .venv/ready ## the operator with 100, 500 and 1000 resources (BENCH_ARGS=--quick: two minutes)
	@$(PY) -m bench.operator_scale $(BENCH_ARGS)

lint: .venv/ready ## format, lint and import rules
	@echo "==> format, lint, import rules"
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check --no-cache .
	@.venv/bin/lint-imports

types: .venv/ready ## mypy --strict
	@echo "==> types"
	@$(PY) -m mypy

prepare: .venv/ready $(COMPILED)/ready ## packages, cluster tools and images: minutes with an empty .cache, else seconds
	@echo "==> set-up"
	@$(PY) -m e2e.prepare

unit: .venv/ready $(COMPILED)/ready ## tests without any server
	@echo "==> unit tests"
	@$(PYTEST) tests/unit -q -n auto -p no:cacheprovider
	@echo "==> unit tests of the compiled ingester"
	@PYTHONPATH=$(COMPILED)/packages $(PYTEST) tests/unit/wire tests/unit/ingester -q -n auto -p no:cacheprovider

integration: .venv/ready $(COMPILED)/ready ## tests with a real Redis, real WebSockets and a real API server
	@echo "==> integration tests, $(WORKERS) at a time"
	@PYTHONPATH=$(COMPILED)/packages nice -n 5 $(PYTEST) tests/integration -q -n $(WORKERS) --dist worksteal -p no:cacheprovider

e2e: .venv/ready ## tests on a real cluster
	@echo "==> tests on a cluster"
	@$(PY) -m e2e.run

generate: .venv/ready ## write all generated files: CRDs, parts of the chart, the Argo CD config, tables of the docs
	@$(PY) -m generate

format: .venv/ready ## format the code and fix what ruff can fix
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

cluster: .venv/ready ## start the local cluster, with nothing in it
	@$(PY) -m e2e.cluster up

cluster-down: .venv/ready ## stop the local cluster and remove its state
	@$(PY) -m e2e.cluster down

clean: ## remove all caches: the next run sets all up again
	@if [ -x $(PY) ]; then $(PY) -m e2e.demo --down; fi
	rm -rf .cache .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	@echo "==> uv $(UV_VERSION) into .cache/uv"
	@python3 -m venv .cache/uv
	@.cache/uv/bin/pip install --quiet uv==$(UV_VERSION)

.venv/ready: $(UV) pyproject.toml uv.lock
	@echo "==> Python packages into .venv"
	@python3 -c 'import os, sys, sysconfig; path = sysconfig.get_path("include") + "/Python.h"; os.path.exists(path) or \
	  sys.exit("the ingester is compiled here, and there is no " + path + ": install the headers of Python (Debian: python3-dev)")'
	@$(UV) sync --frozen --quiet
	@touch $@

$(COMPILED)/ready: .venv/ready hatch_build.py $(shell find operator ingester -name '*.py' -o -name '*.lua')
	@echo "==> compiling the ingester"
	@rm -rf $(COMPILED)
	@$(UV) build --quiet --wheel --out-dir $(COMPILED)/wheel
	@$(UV) pip install --quiet --python $(PY) --no-deps --target $(COMPILED)/packages $(COMPILED)/wheel/*.whl
	@touch $@
