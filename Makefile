# Airway: everything a clone needs is set up inside it, by scripts/prepare.sh.
# PYTHON=python3.12 chooses the interpreter; ARGS="-k cough" goes to pytest. `make benchmarks`
# takes ARGS="--only npu watch" and YAMNET=yamnet.tflite for that peer; `make watch-test` takes
# ARGS="--bundle room". AIRWAY_CORPUS names the corpus for the watch's ten minutes of recordings.

PYTHON ?= python3
WAV ?=
YAMNET ?=
BUNDLE ?= room
CORPUS ?=
HOMEASSISTANT := .cache/homeassistant
INSTALL_PEERS := .venv/bin/python -m pip install --quiet --no-cache-dir --no-build-isolation \
	-c .venv/constraints.txt -e '.[bench]'
ARGS ?=

export PYTHON
export PATH := $(CURDIR)/.cache/tools/bin:$(PATH)
export XDG_CACHE_HOME := $(CURDIR)/.cache
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export NUMBA_CACHE_DIR := $(CURDIR)/.cache/numba

.DEFAULT_GOAL := help
.PHONY: help run test check faults fuzz bench benchmarks gate leanness homeassistant lock clean test-arm64 test-armhf watch-test

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15

run: ## play a synthetic night (or WAV=recording) through the daemon and a broker
	@scripts/prepare.sh run
	@.venv-run/bin/python scripts/demo.py $(if $(WAV),"$(WAV)")

test: ## pass the whole test suite
	@scripts/prepare.sh test
	@.venv/bin/python -m pytest $(ARGS)

test-arm64: ## the device's tests on an emulated 64-bit ARM, and its bits beside these
	@scripts/prepare.sh test
	@.venv/bin/python scripts/arm.py arm64

test-armhf: ## the same on an emulated 32-bit ARM
	@scripts/prepare.sh test
	@.venv/bin/python scripts/arm.py armhf

check: ## format, lint, types and the directions of imports
	@scripts/prepare.sh test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/mypy scripts/demo.py
	.venv/bin/lint-imports

faults: ## break everything around the daemon, at full size, and print what was lost
	@scripts/prepare.sh test
	@FAULTS=full FAULTS_PAGE=benchmarks/faults.md .venv/bin/python -m pytest tests/faults $(ARGS)

fuzz: ## try 100,000 damaged inputs of each kind (about an hour)
	@scripts/prepare.sh test
	@FUZZ=full .venv/bin/python -m pytest tests/edge/test_fuzz.py --timeout 7200 $(ARGS)

homeassistant: ## hold the entities to Home Assistant's own validation (needs Python 3.12 or later)
	@scripts/prepare.sh test
	@test -x $(HOMEASSISTANT)/bin/hass || { \
		.venv/bin/uv venv --quiet --python '>=3.12' --no-python-downloads $(HOMEASSISTANT) && \
		.venv/bin/uv pip install --quiet --no-cache --python $(HOMEASSISTANT)/bin/python \
			'homeassistant>=2024.11' 'paho-mqtt<3'; }
	@.venv/bin/python -m pytest tests/edge/test_homeassistant.py $(ARGS)

gate: ## measure what the gate misses on scenes of a corpus (CORPUS=folder BUNDLE=name)
	@scripts/prepare.sh test
	@.venv/bin/python -m benchmarks.gate $(BUNDLE) $(if $(CORPUS),--corpus "$(CORPUS)")

leanness: ## measure what the daemon costs, beside its peers (BUNDLE=name YAMNET=yamnet.tflite)
	@scripts/prepare.sh test
	@$(INSTALL_PEERS)
	@.venv/bin/python -m benchmarks.leanness $(BUNDLE) $(if $(YAMNET),--yamnet "$(YAMNET)")

bench: ## measure the frontend beside its peers, in one run
	@scripts/prepare.sh test
	@$(INSTALL_PEERS)
	@.venv/bin/python -m benchmarks.frontend

benchmarks: ## measure everything beside its peers and write benchmarks/README.md (half an hour)
	@scripts/prepare.sh test
	@$(INSTALL_PEERS)
	@.venv/bin/python -m benchmarks.overview $(if $(YAMNET),--yamnet "$(YAMNET)") $(ARGS)

watch-test: ## run the watch's monitor on emulated Cortex-M boards beside the device's path
	@scripts/prepare.sh test
	@.venv/bin/python -m benchmarks.watch $(ARGS)

lock: ## write requirements.lock anew from pyproject.toml
	@scripts/prepare.sh test
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --upgrade --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --no-cache --quiet --output-file requirements.lock

clean: ## remove everything that make has set up or written
	rm -rf .venv .venv-run .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build run *.egg-info
