# The commands of Tenantry. `make run` needs Python 3.11 or later and nothing else.

BIN := .venv/bin

# Each of the stack's processes would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-clients test-schema test-ocr messages bench isolation clean .run .dev .chromium .pgbouncer
.SILENT:
.DEFAULT_GOAL := run

run: .run
	exec $(BIN)/python manage.py up

test: .dev .chromium .pgbouncer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	exec $(BIN)/python -m pytest -n 3 --dist loadgroup

test-clients: .run
	exec $(BIN)/python -m tests.clients

test-schema: .dev
	exec $(BIN)/python -m tests.schema

# Bring the catalogues of translations in line with the sources, and compile them.
messages: .dev
	exec $(BIN)/python -m tests.languages

test-ocr: .dev
	exec $(BIN)/python -m tests.ocr

bench: .dev
	exec $(BIN)/python -m tests.bench

isolation: .dev
	exec $(BIN)/python -m tests.isolation $(if $(N),--operations $(N))

clean:
	rm -rf var .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.run:
	deploy/install.sh run

.dev:
	deploy/install.sh dev

.chromium:
	deploy/chromium.sh

.pgbouncer:
	deploy/pgbouncer.sh
