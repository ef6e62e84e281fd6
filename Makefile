# Everything runs in .venv, which is made from requirements.lock on first use; test-light has a small one of its own.
# What installs and builds is in build.lock. The locks have hashes; nothing is fetched that they do not name.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/python -m uv
# Options of an environment's python: install what build.lock names; install this repository, with the backend from there.
INSTALL_TOOLS = -m pip install --quiet --disable-pip-version-check --require-hashes --requirement build.lock
INSTALL_EDITABLE = -m uv pip install --quiet --no-deps --no-build-isolation
BUILD = $(UV) build --quiet --build-constraints build.lock --require-hashes --wheel --out-dir dist
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url
TEST := $(BIN)/pytest -n 2 --dist worksteal
LIGHT := .venv-light
LIGHT_READY := $(LIGHT)/.ready
LIGHT_TESTS := $(addprefix tests/foreign/test_,light.py contract.py) \
  $(addprefix tests/sweeps/test_,distributions.py sampling.py settings.py space.py)

.PHONY: help sweep test test-long test-all test-light test-compose lint format ui lock wheels clean \
  up down logs backup restore variables workers certificate user

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(READY): build.lock requirements.lock pyproject.toml trainer_pkg/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL_TOOLS)
	# Without bytecode every start would compile torch and lightning again.
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/python $(INSTALL_EDITABLE) --python $(BIN)/python --editable . --editable trainer_pkg
	@touch $(READY)

$(LIGHT_READY): build.lock tests/foreign/requirements.lock pyproject.toml
	@test -x $(LIGHT)/bin/python || $(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/python $(INSTALL_TOOLS)
	$(LIGHT)/bin/python -m uv pip install --quiet --require-hashes --compile-bytecode --python $(LIGHT)/bin/python \
	  --requirement tests/foreign/requirements.lock
	$(LIGHT)/bin/python $(INSTALL_EDITABLE) --python $(LIGHT)/bin/python --editable .
	@touch $(LIGHT_READY)

sweep: $(READY)  ## Set up, then run the quickstart study: two architectures x three loss weights
	$(BIN)/train -m experiment=quickstart

test: $(READY)  ## Set up, then run the tests (about 10 minutes on two cores)
	$(TEST) -m "not long and not slow"

test-long: $(READY)  ## Run the tests that start many commands (about 14 minutes on two cores)
	$(TEST) -m "long and not slow"

test-all: $(READY)  ## Run all tests, the slow ones too: real MNIST, storms, compose
	$(BIN)/pytest

test-light: $(LIGHT_READY)  ## Set up Hydra 1.3 without torch, then run strangers' applications there
	$(LIGHT)/bin/pytest -n 2 $(LIGHT_TESTS)

test-compose: $(READY)  ## Run the tests of the servers in compose.yaml; they need a Docker engine
	$(BIN)/pytest tests/compose

lint: $(READY)  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ui: $(READY)  ## Open the MLflow UI
	$(BIN)/sweeps ui

up:  ## Start PostgreSQL and MLflow, or what has changed of them, and say what to set (docs/stack.md)
	@docker/stack up

down:  ## Stop them; what they hold stays
	@docker/stack down

logs:  ## Follow what they log
	@docker/stack logs

variables:  ## Print what to set for sweeps on them: eval "$$(make -s variables)"
	@docker/stack variables

backup:  ## Write all studies, runs and artifacts into one file in backups/
	@docker/stack backup

restore:  ## Put such a file in place of what the servers hold: FILE=
	@docker/stack restore "$(FILE)"

workers:  ## Start NUM=2 workers of the study STUDY= beside the servers
	@docker/stack workers "$(STUDY)" "$(or $(NUM),2)"

certificate:  ## Make a certificate of TLS_HOST in certs/, for compose.tls.yaml
	@docker/stack certificate

user:  ## Make a user of MLflow's login, or give one a new password: NAME=
	@docker/stack user "$(NAME)"

lock: $(READY)  ## Compile the locks again
	$(COMPILE) --python-version 3.11 --extra dev --no-emit-package hydra-sweeps \
	  --output-file requirements.lock pyproject.toml trainer_pkg/pyproject.toml
	$(COMPILE) --python-version 3.11 --constraint requirements.lock --group build --output-file build.lock
	$(COMPILE) --python-version 3.11 --output-file tests/foreign/requirements.lock \
	  pyproject.toml tests/foreign/requirements.in
	$(COMPILE) --python-version 3.13 --excludes docker/mlflow/left-out.txt \
	  --output-file docker/mlflow/requirements.lock docker/mlflow/requirements.in
	$(COMPILE) --python-version 3.13 --constraint requirements.lock --no-emit-package hydra-sweeps \
	  --output-file docker/worker.lock pyproject.toml trainer_pkg/pyproject.toml
	$(COMPILE) --python-version 3.13 --constraint requirements.lock \
	  --output-file docker/dashboard/requirements.lock docker/dashboard/requirements.in
	$(COMPILE) --python-version 3.13 \
	  --output-file tests/compose/s3/requirements.lock tests/compose/s3/requirements.in

wheels: $(READY)  ## Build both distributions into dist/
	$(BUILD) .
	$(BUILD) trainer_pkg

clean:  ## Remove the environment and all that studies have left here
	rm -rf $(VENV) $(LIGHT) logs mlflow.db mlruns
