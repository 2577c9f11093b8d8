# Retention Center. `make help` lists what there is; README.md says more.
SHELL := bash
.DEFAULT_GOAL := help
V := .venv
PY := $(V)/bin/python
DEMO := var/demo.sqlite3
PROOF := tests/simulation tests/sequences/test_killed_workers.py tests/sequences/test_state_machine.py \
  tests/integrations/test_call_by_keitaro.py tests/integrations/test_fuzz_webhooks.py \
  tests/test_fuzz_api.py -n auto --timeout 7200

# Every package is pinned with its hashes; uv is only the faster installer of the same files
INSTALL = if [ -x $(V)/bin/uv ] || $(PY) -m pip install -q --disable-pip-version-check 'uv>=0.13' 2>/dev/null; \
  then $(V)/bin/uv pip install -q --python $(PY) --require-hashes -r $(1); \
  else $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r $(1); fi
LOCK = $(V)/bin/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --no-header \
  pyproject.toml

.PHONY: help run setup demo test check verify bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 15

run: $(V)/.run .env ## web server and workers on PORT (default 8000); Ctrl-C stops them
	@$(PY) manage.py up

setup: $(V)/.run ## only install, with static files; then manage.py and gunicorn work by themselves
	@$(PY) manage.py collectstatic --no-input -v 0

demo: export DATABASE_URL := sqlite:///$(DEMO)
demo: export EMAIL_URL :=
demo: $(V)/.run .env $(DEMO) ## as run, on a database full of invented leads, sending nothing to anybody
	@$(PY) manage.py up

test: $(V)/.test ## the suite on SQLite and on PostgreSQL, then the pages in a browser
	@$(PY) -m tests.suite

check: $(V)/.dev ## format, lint, types, import order, migrations, templates, deployment
	@$(PY) -m tests.check

verify: N ?= 100000
verify: $(V)/.test ## N histories (default 100000) of the simulator, then kills, fuzz and state machine in full (hours)
	@$(PY) -m tests.simulation --seeds $(N)
	@TEST_VERIFY=1 $(PY) -m pytest $(PROOF)
	@TEST_VERIFY=1 $(PY) -m tests.postgres $(PY) -m pytest $(PROOF)

bench: $(V)/.dev ## what things cost: one JSON line per figure (minutes)
	@for db in sqlite postgres; do for rows in 10000 100000 1000000; do \
	  $(PY) -m benchmarks.due_steps --db $$db --rows $$rows; \
	  $(PY) -m benchmarks.auto_enroll --db $$db --rows $$rows; \
	  $(PY) -m benchmarks.idle_tick --db $$db --rows $$rows; done; \
	  $(PY) -m benchmarks.forecast --db $$db --rows 100000; \
	  $(PY) -m benchmarks.lead_list --db $$db --rows 100000; \
	  $(PY) -m benchmarks.import_leads --db $$db --rows 100000; done

lock: | $(V)/.dev ## write both lock files anew, with the newest versions that pyproject.toml allows
	$(LOCK) --upgrade --extra redis --extra sentry -o requirements.lock
	$(LOCK) --upgrade --extra redis --extra sentry --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## remove the virtual environment and what tools left behind; var/ (your data) and .env stay
	rm -rf $(V) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis test-results

$(PY):
	@.ci/venv

$(V)/.run: requirements.lock | $(PY)
	@echo "Installing …" >&2
	@$(call INSTALL,requirements.lock)
	@touch $@

$(V)/.dev: requirements-dev.lock | $(PY)
	@echo "Installing, with the tools for development …" >&2
	@$(call INSTALL,requirements-dev.lock)
	@touch $@ $(V)/.run

$(V)/.test: $(V)/.dev
	@.ci/services
	@touch $@

.env:
	@umask 077 && cp .env.example .env

# Made aside and moved into place, so that a half-made one is never served
$(DEMO): | $(V)/.run
	@mkdir -p var && rm -f $(DEMO).part*
	@echo "Making the demo's data …" >&2
	@DATABASE_URL=sqlite:///$(DEMO).part $(PY) manage.py migrate -v 0
	@DATABASE_URL=sqlite:///$(DEMO).part $(PY) manage.py make_demo
	@mv $(DEMO).part $(DEMO)
