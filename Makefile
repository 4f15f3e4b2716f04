# The whole developer interface. `make onboard` and `make test` set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
ORACLE := .venv-oracle/.ready
PIP := $(BIN)/pip --disable-pip-version-check -q
# the locks hold every package: nothing is left to resolve, and pip would resolve extras wrongly

.PHONY: onboard test fast check format up deploy bench oracle gates faults chaos lock clean

onboard: $(RUN)  ## rehearse HYPE with $1,000 on the simulated market, unattended, to full capital
	$(BIN)/gangway rehearse HYPE --capital-usd 1000

test: $(DEV) $(ORACLE) check  ## everything that must hold
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

fast: $(DEV)  ## the tests of a coffee break: no browser, nothing slow
	$(BIN)/python -m pytest -m "not slow and not ui"

check: $(DEV)  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: $(RUN)  ## server, worker and engine host on loopback
	$(BIN)/gangway up

deploy: $(RUN)  ## create the work pool and apply prefect.yaml to the server of prefect.toml
	GANGWAY_ROOT="$(CURDIR)" GANGWAY_HOME="$(CURDIR)/var" $(BIN)/python -m flows.deploy

bench: $(DEV) $(ORACLE)  ## every figure the README states
	$(BIN)/python -m benchmarks.simulated_week
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.scenarios
	$(BIN)/python -m benchmarks.vs_hftbacktest
	$(BIN)/python -m benchmarks.paper_rules
	$(BIN)/python -m benchmarks.tapes
	$(BIN)/python -m benchmarks.recorder
	$(BIN)/python -m benchmarks.many_configs
	$(BIN)/python -m benchmarks.paper_lag
	$(BIN)/python -m benchmarks.gates
	$(BIN)/python -m benchmarks.localnet
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.live_engines

oracle: $(DEV) $(ORACLE)  ## hold the paper venue against hftbacktest over a whole generated day
	GANGWAY_ORACLE_HOURS=24 $(BIN)/python -m pytest -q tests/oracle

faults: $(DEV)  ## a million live sessions in a venue that fails, and gateways broken on purpose
	$(BIN)/python -m benchmarks.faults
	$(BIN)/python -m benchmarks.fault_mutants

chaos: $(DEV)  ## real processes killed for ten minutes, and what they had afterwards
	$(BIN)/python -m benchmarks.chaos --minutes 10

gates: $(DEV)  ## what gates let through by simulation, beside naive ones, and how fast they judge
	$(BIN)/python -m benchmarks.gate_power
	$(BIN)/python -m benchmarks.gates

lock:  ## resolve the dependencies anew
	$(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
	  --upgrade --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
	  --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install --no-deps --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(DEV): requirements-dev.lock $(RUN)
	$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	touch $@

$(ORACLE): requirements-oracle.lock
	$(PYTHON) -m venv .venv-oracle
	.venv-oracle/bin/pip --disable-pip-version-check -q install --no-deps --require-hashes -r $<
	touch $@

clean:
	rm -rf $(VENV) .venv-oracle var
