# make demo    flights: loaded, replayed, looked up, a model trained (sets up all it needs)
# make demo-live   the same features on a real Kafka: played, archived, killed, recovered, verified (brings its broker; needs Java and Maven)
# make test    lint, types and the test suite (sets up all it needs)
# make lint    ruff and mypy alone
# make faults  kills, outages, leader changes, bad networks, full disks, a failing S3, at fifty random points (an hour); HEADRACE_FAULT_SEED=N takes others
# make bench   the table of ratios against other engines; bench-live: the live flow on a real Kafka
# make lock    writes requirements/*.txt anew

# The first Python 3.11 or 3.12 that can make a virtual environment; PYTHON=… takes another.
usable = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	"$$p" -c '$(usable)' 2>/dev/null && { echo "$$p"; break; }; done)

py := .venv/bin/python
pip := $(py) -m pip --disable-pip-version-check install --quiet --require-hashes

.PHONY: demo demo-live test lint bench bench-live lock clean

demo: .venv/.demo
	@PATH="$(CURDIR)/.venv/bin:$$PATH" examples/flights/demo

demo-live: .venv/.demo
	@PATH="$(CURDIR)/.venv/bin:$$PATH" examples/flights/demo-live

# Tests that measure time or memory run by themselves, after the others.
test: lint
	$(py) -m pytest -n 2 --dist loadgroup -m "not alone and not long" $(ARGS)
	$(py) -m pytest -m "alone and not long" $(ARGS)

lint: .venv/.test
	$(py) -m ruff check .
	$(py) -m mypy

faults: .venv/.test
	HEADRACE_FAULT_POINTS=$${HEADRACE_FAULT_POINTS:-50} $(py) -m pytest -n 0 -s --timeout 3600 tests/faults $(ARGS)

bench: .venv/.test
	$(py) -m benchmarks.replay

bench-live: .venv/.test
	$(py) -m benchmarks.live

lock: .venv/.test
	PYTHON=$(py) requirements/lock

clean:
	rm -rf .venv examples/*/data examples/*/archive examples/*/online examples/*/out

$(py):
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 with venv was found; install one (on Debian: python3 and python3-venv) or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@echo "creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

# What builds comes first, so that nothing is built in an environment that was not locked.
.venv/.build: requirements/build.txt | $(py)
	@echo "installing what builds (requirements/build.txt)"
	@$(pip) -r requirements/build.txt
	@touch $@

.venv/.demo: requirements/demo.txt pyproject.toml .venv/.build
	@echo "installing headrace and what the example needs (requirements/demo.txt), about a minute"
	@$(pip) --no-build-isolation -r requirements/demo.txt
	@$(py) -m pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.test: requirements/test.txt .venv/.demo
	@echo "installing what the tests need (requirements/test.txt), about a minute"
	@$(pip) --no-build-isolation -r requirements/test.txt
	@touch $@
