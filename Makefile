# Each target does its own set-up; all it needs is Python 3.11 or newer and make.
#   make demo     the same conversation from every provider kind, through three drivers
#   make test     every test (PYTEST_ARGS="tests/proto -x" for some)
#   make check    format, lint, types, imports, and the branch coverage of lash_proto
#   make peers    the vendors' SDKs read our faux server, and we read aimock (PEERS="openai aimock" for some)
#   make requests 2,000 requests of every kind held to the vendors' own types (REQUESTS="--strict --number 20000")
#   make bench    what lash costs, as tables (BENCH_ARGS="decode burst --rounds 5"); bench-peers sets up what to compare
#   make fuzz     every fuzz target until it has had 20 CPU minutes or brings nothing new (FUZZ="sse --most 60")
#   make peers-faults   every fault, read by us and by what others use, as a table (PEERS="lash litellm" for some)

VENV := .venv
PY := $(VENV)/bin/python
PIP_INSTALL = -m pip install -qq --disable-pip-version-check --no-input
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3.13 python3.14 python3)
CODE := $(wildcard lash_proto lash_io tests benchmarks examples)
JOBS ?= auto
PYTEST_ARGS ?= tests

.PHONY: demo test check format lint types imports coverage bench bench-peers peers peers-faults requests fuzz soak clean

demo: $(VENV)/.for-demo
	@$(VENV)/bin/lash demo

test: $(VENV)/.for-development
	$(PY) -m pytest -q -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

check: format lint types imports coverage

format: $(VENV)/.for-development
	$(VENV)/bin/ruff format --check --quiet

lint: $(VENV)/.for-development
	$(VENV)/bin/ruff check --quiet

types: $(VENV)/.for-development
	$(VENV)/bin/mypy $(CODE)
	$(VENV)/bin/basedpyright

imports: $(VENV)/.for-development
	$(VENV)/bin/lint-imports --no-logo

# Without the recordings, so that a clone that has none measures the same.
coverage: $(VENV)/.for-development
	LASH_RECORDINGS= LASH_HYPOTHESIS_PROFILE=ci $(PY) -m pytest -q -n $(JOBS) --dist worksteal --cov --cov-report=term tests/proto

bench: $(VENV)/.for-development
	$(PY) -m benchmarks $(BENCH_ARGS)

bench-peers: $(VENV)/.for-development
	$(PY) -m benchmarks.peers

peers: $(VENV)/.for-development
	PYTHONPATH=. $(PY) tests/peers/run.py $(PEERS)

requests: $(VENV)-requests/.ready
	@$(VENV)-requests/bin/python -m tests.requests $(REQUESTS)

peers-faults: $(VENV)/.for-development
	PYTHONPATH=. $(PY) tests/peers/faults.py $(PEERS)

soak: $(VENV)/.for-development
	LASH_HYPOTHESIS_PROFILE=soak $(PY) -m pytest -q -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

# What a fuzzer finds interesting is kept in fuzz/corpus-grown; seeds stand in fuzz/corpus.
fuzz: $(VENV)-fuzz/.ready
	@$(VENV)-fuzz/bin/python fuzz/run.py $(FUZZ)

clean:
	rm -rf $(VENV) $(VENV)-* build dist .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache fuzz/corpus-grown
	find lash_proto lash_io tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A name on the path is not enough: version managers leave names that only print a complaint.
define make_venv
@for python in $(PYTHONS); do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		if $$python -m venv $(1); then exit 0; fi; \
		rm -rf $(1); \
	fi; \
done; \
echo "lash needs Python 3.11 or newer with its venv module; found none in: $(PYTHONS)." >&2; \
echo "Name one with: make PYTHON=/path/to/python" >&2; exit 1
endef

$(PY):
	$(call make_venv,$(VENV))

$(VENV)-fuzz/bin/python:
	$(call make_venv,$(VENV)-fuzz)

$(VENV)-requests/bin/python:
	$(call make_venv,$(VENV)-requests)

$(VENV)/.for-demo: pyproject.toml | $(PY)
	@echo "Setting up $(VENV) ..."
	@$(PY) $(PIP_INSTALL) -e '.[cli,trio]'
	@touch $@

$(VENV)/.for-development: pyproject.toml | $(PY)
	@echo "Setting up $(VENV) for development ..."
	@$(PY) $(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.for-demo

# The SDKs whose types the checker was written for: newer ones know other fields.
$(VENV)-requests/.ready: pyproject.toml | $(VENV)-requests/bin/python
	@echo "Setting up $(VENV)-requests ..."
	@$(VENV)-requests/bin/python $(PIP_INSTALL) -e . hypothesis openai==3.51.* anthropic==2.10.* google-genai==3.3.*
	@touch $@

$(VENV)-fuzz/.ready: pyproject.toml | $(VENV)-fuzz/bin/python
	@echo "Setting up $(VENV)-fuzz ..."
	@$(VENV)-fuzz/bin/python $(PIP_INSTALL) -e . atheris
	@touch $@
