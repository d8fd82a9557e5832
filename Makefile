# SPDX-License-Identifier: Apache-2.0
# Makefile: the verbs people type; meson and the scripts in tools/ do the work.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 10

# A pyenv or virtual environment in front of the PATH lacks Debian's packages.
PYTHON := /usr/bin/python3

.PHONY: help run test build unit integration python sim model oom chaos mutants fuzz format check bench install clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' \
		| awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

run: ## install what is missing, build, and start the server with demo tokens
	@sh tools/setup.sh run
	@sh tools/build.sh release
	@exec build/release/mcp-auth serve --dev

test: ## install what is missing, then every check and test; ends with "N passed, N failed"
	@sh tools/setup.sh test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tools/run_tests.py

build: ## the release build, in build/release
	@sh tools/build.sh release

unit: ## the unit tests under the Address and UB sanitizers; UNIT=word runs those that match
	@$(PYTHON) tools/run_tests.py --only unit $(if $(UNIT),--filter $(UNIT))

integration: ## the behaviour tests: a real server and real clients
	@$(PYTHON) tools/run_tests.py --only behaviour

python: ## the Python package under Debian's and the newest FastAPI; LONG=1: 10,000 connects, AddressSanitizer
	@sh tools/setup.sh test
	@$(if $(LONG),MCP_AUTH_PYTHON_LONG=1) $(PYTHON) tools/run_tests.py --only python

sim: ## the simulation: hubs, random sessions and an oracle; SEED=n repeats one
	@$(PYTHON) tools/run_tests.py --only sim $(if $(SEED),--filter $(SEED))

model: ## the checked model of the fleet: every order of its steps, and seeded faults of the model
	@sh tools/setup.sh model
	@$(PYTHON) tools/model.py

oom: ## every allocation and every system call of the road fails once
	@$(PYTHON) tools/run_tests.py --only oom

chaos: ## three instances while Redis, network and instances fail; SECONDS=n SEED=n LOSSY=1
	@sh tools/setup.sh test
	@sh tools/build.sh sanitize
	@$(PYTHON) tests/chaos/chaos.py --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED)) \
		$(if $(LOSSY),--lossy)

mutants: ## seeded faults, each of which must turn a test red
	@$(PYTHON) tools/mutants.py

fuzz: ## each fuzz target for FUZZ_SECONDS
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tools/run_tests.py --only fuzz

format: ## apply .clang-format
	@$(PYTHON) tools/check/format.py --write

check: ## the checks of the tree: include direction, lengths, settings, format ...
	@$(PYTHON) tools/run_tests.py --only checks

bench: ## the quick benchmarks: the server beside a bare loop of send(), a table of the ratios
	@sh tools/setup.sh bench
	@sh tools/build.sh bench
	@sh bench/micro.sh
	@$(PYTHON) bench/run.py --quick --peers none --out build/bench-quick.json
	@$(PYTHON) bench/report.py build/bench-quick.json --picture build/bench-quick.svg

install: ## install the release build under PREFIX (DESTDIR is respected)
	@sh tools/build.sh release --prefix "$(abspath $(PREFIX))"
	@meson install -C build/release --no-rebuild

clean: ## remove build/
	@rm -rf build
