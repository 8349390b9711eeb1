# Everything works in a clean clone with nothing but make and Python 3.11 or newer; packages go into .venv.
.DEFAULT_GOAL := help
.PHONY: help up demo test bench proofs schema rules check lock clean install install-test

PY := .venv/bin/python
export PYTHON
# Where it is set, every process would compile every module anew, and each worker its workflows once more.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

up: install  ## Start everything on this machine: Temporal, worker, API, pages, mailbox
	@.venv/bin/ferd up

demo: install  ## Load examples/ into a running ferd and watch them go, with short waits
	@.venv/bin/ferd demo

test: install-test  ## Ruff, mypy and all tests, from nothing
	@tools/system-packages
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -n 2 --dist loadfile

bench: install-test  ## Measure against a hand-written workflow; writes bench/results.md
	@$(PY) -m bench

proofs: install-test  ## What has to hold with very many people, at full size; writes bench/proofs/*.md
	@$(PY) -m bench.proofs

schema: install  ## Write docs/flow.schema.json and docs/steps.md from the models
	@mkdir -p docs
	@$(PY) -m flows.schema > docs/.schema.new && mv docs/.schema.new docs/flow.schema.json
	@$(PY) -m flows.reference > docs/.steps.new && mv docs/.steps.new docs/steps.md

rules: install-test  ## Write docs/rules.md, which rule is proven by which tests
	@$(PY) -m tests.support.rules > docs/.rules.new && mv docs/.rules.new docs/rules.md

check: install-test  ## Ruff and mypy alone
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

lock: install-test  ## Resolve pyproject.toml anew into the two locks
	@tools/lock

clean:  ## Remove .venv and caches; data in .ferd stays
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install:
	@tools/install requirements.lock

install-test:
	@tools/install requirements-test.lock
