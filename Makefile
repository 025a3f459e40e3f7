# Two commands do all the set-up on a fresh machine: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
VENV ?= .venv
CLIP ?=
ROBOT ?= unitree_g1
DEMO ?= demo
RUN := $(VENV)/bin/python

.PHONY: demo test test-slow check lint docs bench interop env-lerobot env-mediapipe clean

demo: $(VENV)/installed
	$(RUN) scripts/demo.py --robot $(ROBOT) --into $(DEMO) $(if $(CLIP),"$(CLIP)")

test: $(VENV)/installed-dev
	$(RUN) -m pytest -q -m "not slow and not interop"

test-slow: $(VENV)/installed-dev
	$(RUN) -m pytest -q -m slow

check: $(VENV)/installed-dev
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" scripts/check

lint: $(VENV)/installed-dev
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" scripts/check --no-tests

docs: $(VENV)/installed-docs
	$(VENV)/bin/mkdocs build --strict

bench: $(VENV)/installed
	$(RUN) benchmarks/retarget.py $(CLIP) --robot $(ROBOT)

env-lerobot:
	scripts/env_lerobot.sh

env-mediapipe:
	scripts/env_mediapipe.sh

interop: $(VENV)/installed-dev env-lerobot
	$(RUN) -m pytest -q -m interop

# pip of the system installs into the environment, so that ensurepip (absent on a bare Debian) is not needed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Understudy needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is missing: apt-get install python3-pip (or set PYTHON to a Python that has it)"; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) site .mypy_cache .ruff_cache .pytest_cache
