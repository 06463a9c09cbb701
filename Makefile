# SPDX-License-Identifier: Apache-2.0
#
# The front door. Each target does its own set-up on a fresh Debian or Ubuntu (tools/setup.sh) and
# builds in build/<preset>. CMakePresets.json has the presets for whoever prefers cmake itself.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
PRESET ?= dev
STRICT ?= 0
SCENARIOS ?= scenarios/
FILTER ?=
ARGS ?=
FUZZ_SECONDS ?= 20
FUZZ_TARGETS ?=
TVM ?=
export JOBS STRICT FUZZ_SECONDS FUZZ_TARGETS

strict := $(if $(filter-out 0,$(STRICT)),--strict)
filter := $(if $(FILTER),--filter '$(FILTER)')

.PHONY: help setup build run test interop bench lint format clang cuts digests big-endian asan \
        valgrind fuzz torture explore mutants mutate coverage clean distclean

help: ## this list
	@echo "lastref: is every session released on time, whatever happens?"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "variables, as in: make run FILTER=timeout STRICT=1"
	@awk -F ' ## ' '/^# [A-Z_]+ +## / { sub(/^# /, "", $$1); printf "  %-15s %s\n", $$1, $$2 }' Makefile

# JOBS         ## how much at once (default: the processors)
# STRICT       ## 1: whatever could not be run is a failure (run, test, interop)
# SCENARIOS    ## run: files or folders (default: scenarios/)
# FILTER       ## run, torture: only cases whose name contains this; test: only tests whose name matches
# ARGS         ## run, interop, bench, explore, mutants, mutate: further options, handed on as they are
# TVM          ## interop: with these versions, as in TVM='0.25.0 0.19.0', instead of the usual two; TVM=list
# SEEDS        ## explore: which seeds are played, A..B (default: from 1 on, for a minute)
# FAST         ## bench: 1: in half a minute, and without real TVM
# PRESET       ## build: which preset of CMakePresets.json (default: dev)
# FUZZ_SECONDS ## fuzz: time for each target (default: 20)
# FUZZ_TARGETS ## fuzz: only these, without their fuzz_ (default: all)

run: ## judge the scenarios: build/release/bin/lastref run scenarios/
	@tools/setup.sh base
	@tools/build.sh release lastref
	build/release/bin/lastref run $(SCENARIOS) --known-failures scenarios/known_failures.txt \
	    $(filter) $(strict) $(ARGS)

test: ## unit, golden and scenario tests, and the fuzzers' seeds once (minutes)
	@tools/setup.sh base test
	@tools/build.sh dev
	ctest --test-dir build/dev -L '^(unit|golden|scenario|scenario-live|fuzz-corpus|tree)$$' \
	    $(if $(FILTER),-R '$(FILTER)') --output-on-failure --no-tests=error -j $(JOBS)

interop: ## all roles against real TVM of both dialects (downloads about 1.2 GB the first time)
	@tools/setup.sh base interop
	@tools/build.sh release lastref lastref-steps
ifeq ($(TVM),)
	LASTREF=build/release/bin/lastref tests/interop/run.sh $(strict) $(ARGS)
else ifeq ($(TVM),list)
	@tests/interop/setup.sh --tvm list
else
	status=0; for tvm in $(TVM); do \
	    LASTREF=build/release/bin/lastref tests/interop/run.sh --tvm $$tvm $(strict) $(ARGS) || status=1; \
	done; exit $$status
endif

bench: ## speed beside a bare-socket program and real TVM; writes bench.json
	@tools/setup.sh base
	@tools/build.sh release lastref-bench
	bench/run.sh $(ARGS)

lint: ## clang-format, clang-tidy and the rules of the house
	@tools/setup.sh base test lint
	@tools/lint.sh

format: ## let clang-format rewrite the sources
	@tools/setup.sh lint
	@tools/lint.sh --format

clang: ## build everything with clang too, warnings are errors
	@tools/setup.sh base test clang
	@tools/build.sh dev-clang

cuts: ## a session's links cut behind every byte, in both worlds (minutes): build/cuts.txt
	@tools/setup.sh base
	@tools/build.sh release lastref
	tools/cut_table.sh build/release/bin/lastref build/cuts.txt

digests: ## the simulated world has one history: gcc and clang, -O0 and -O2, and twice
	@tools/setup.sh base test clang
	@for preset in dev release dev-clang release-clang; do tools/build.sh $$preset lastref || exit 1; done
	tools/compare_digests.py $(SCENARIOS) \
	    $(foreach preset,dev dev release dev-clang release-clang,build/$(preset)/bin/lastref)

big-endian: ## tests and digests on a big-endian machine: s390x, emulated by qemu-user
	@tools/setup.sh base big-endian
	@tools/run_big_endian.sh $(SCENARIOS)

asan: ## all tests under the address, leak and undefined behaviour sanitizers
	@tools/setup.sh base test
	@tools/run_asan.sh

valgrind: ## all tests under valgrind: errors, leaks, descriptors
	@tools/setup.sh base test valgrind
	@tools/run_valgrind.sh

fuzz: ## every fuzz target for FUZZ_SECONDS
	@tools/setup.sh base clang fuzz
	@tools/run_fuzz.sh

torture: ## each allocation and each transport call of every scenario fails once; all must end cleanly
	@tools/setup.sh base
	@tools/build.sh release lastref
	for what in memory io; do \
	    build/release/bin/lastref run $(SCENARIOS) --torture $$what $(filter) --jobs $(JOBS) \
	        --known-failures scenarios/known_failures.txt $(ARGS) || exit 1; \
	done

explore: ## made-up cases by the thousand (SEEDS): what breaks is shrunk, and written to found/
	@tools/setup.sh base
	@tools/build.sh release lastref
	build/release/bin/lastref explore $(if $(SEEDS),--seeds $(SEEDS),--for 60s) --jobs $(JOBS) $(ARGS)

mutants: ## are planted bugs found, by whom first, as what: build/mutants.md (ARGS=--first: in minutes)
	@tools/setup.sh base mutants
	@mkdir -p build
	tools/prove_mutants.py --jobs $(JOBS) --work build/mutants --json build/mutants.json \
	    --markdown build/mutants.md $(ARGS)

mutate: ## how many small changes of the real code do tests and scenarios notice (an hour)
	@tools/setup.sh base test
	@mkdir -p build
	tools/mutate.py --jobs $(JOBS) --work build/mutate --json build/mutate.json \
	    --markdown build/mutate.md $(ARGS)

coverage: ## lines and branches that the tests reach: build/coverage/html
	@tools/setup.sh base test coverage
	@tools/run_coverage.sh

setup: ## install what all of the above need
	@tools/setup.sh all

build: ## build one preset (PRESET)
	@tools/setup.sh base
	@tools/build.sh $(PRESET)

clean: ## remove what was built, but not the Python environments of interop
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name tvm ! -name interpreters \
	    -exec rm -rf {} +; fi

distclean: ## remove all of build/
	rm -rf build
