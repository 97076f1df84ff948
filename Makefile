# Everything a developer does with the project. `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup run test check lint fmt types migrate shell bench schema docs lock image
bin := .venv/bin
local := $(bin)/python -m gatewaysite.embedded
# Static tools load the settings but never connect.
settings := DATABASE_URL=postgresql:///nowhere SECRET_KEY=nothing
templates = $$(find templates -name '*.html')
python_files = $$(git ls-files --cached --others --exclude-standard '*.py' ':!:*/migrations/*')

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv and install what the project needs, when that changed
	@scripts/setup

run: setup ## Serve on http://127.0.0.1:8000, with a database and a demo upstream (HOST, PORT, WORKERS)
	@exec $(bin)/python scripts/run.py

test: setup ## Run the whole suite (ARGS="-k name" for a part)
	@$(bin)/pytest -n 2 --dist loadgroup $(ARGS)

check: setup lint types docs ## Everything short of tests: style, types, links, imports, held connections, migrations, image
	$(settings) $(bin)/lint-imports --no-logo
	$(bin)/python -m gatewaysite.guard
	$(local) $(bin)/python manage.py makemigrations --check --dry-run
	$(bin)/pytest -q -p no:randomly tests/contract/test_env_example.py
	scripts/dockerfile_dry_run

lint: setup ## Check format and style
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/djade --check --target-version 6.1 $(templates)
	$(bin)/django-upgrade --check --target-version 6.1 $(python_files)

fmt: setup ## Mend format and style
	$(bin)/ruff format .
	$(bin)/ruff check --fix .
	$(bin)/djade --target-version 6.1 $(templates)
	$(bin)/django-upgrade --exit-zero-even-if-changed --target-version 6.1 $(python_files)

types: setup ## Check types
	$(settings) $(bin)/mypy

migrate: setup ## Write and apply migrations (of the database `make run` uses)
	$(local) $(bin)/python manage.py makemigrations
	$(local) $(bin)/python manage.py migrate

shell: setup ## Open a Django shell on the database `make run` uses
	@$(local) $(bin)/python manage.py shell

bench: setup ## Measure throughput and latency on this machine
	@$(bin)/python -m bench $(ARGS)

schema: setup ## Ask a gateway at random for all its OpenAPI document promises (URL, TOKEN; it changes and deletes things)
	@$(bin)/schemathesis run $(URL)/openapi.json --header "Authorization: Bearer $(TOKEN)" --checks all \
		--exclude-checks positive_data_acceptance --max-examples 30 --continue-on-failure $(ARGS)

docs: setup ## Check that every link between the papers leads somewhere
	@$(bin)/python scripts/check_links.py

lock: setup ## Show pinned packages that have a newer version
	$(bin)/pip list --outdated

image: ## Build the container image
	docker build --tag poolgate .
