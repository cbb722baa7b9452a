# make run    sets everything up and serves http://localhost:8000
# make test   sets everything up and runs every check and every test
# make fuzz   runs the tests that come in a small and a big size in their big one
#
# Needs make and Python 3.11 or newer; everything else is fetched into .venv/ and assets/, locked by hash.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
BUNDLE := $(wildcard assets/js/*.mjs assets/js/*.json collector/script/*.js)
TESTS ?= tests

# The big sizes of the tests that come in two.
FUZZ ?= tests/adversarial/test_odd_bodies.py tests/adversarial/test_poison.py tests/adversarial/test_replay.py tests/adversarial/test_hostile.py \
	tests/adversarial/test_faults.py tests/warehouse/test_damage.py tests/stories/test_acknowledged_events_are_durable.py tests/metrics/test_reference.py

.PHONY: setup setup-dev run test fuzz check demo bench shots messages maps bundle wheel image update clean

run: setup
	@exec $(BIN)/proprium serve

test: setup-dev check
	$(BIN)/python -m pytest -q -rs -n 3 --dist loadfile $(TESTS)

fuzz: setup-dev
	$(BIN)/python -m pytest -q --fuzz -o faulthandler_timeout=1800 $(FUZZ)

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

demo: setup
	@exec $(BIN)/proprium demo

bench: setup-dev
	$(BIN)/python -m tests.bench

shots: setup-dev
	$(BIN)/python -m tests.shots

messages: setup-dev  # the texts of the interface, for translators; a test says when this is due
	$(BIN)/pybabel --quiet extract --no-wrap --sort-by-file --no-location --omit-header --keyword=N_ --mapping-file=pyproject.toml --add-comments=TRANSLATORS: \
		--output-file=proprium/locale/proprium.pot proprium

maps: setup  # SOURCE=file.gpkg rebuilds from a file that is here already
	$(BIN)/python -m maps.build $(if $(SOURCE),--source $(SOURCE),--download)

bundle: $(BIN)/.bundle

wheel: setup-dev  # dist/: the source distribution, and the wheel from it; fails when the bundle could not be built
	rm -rf dist
	$(BIN)/uv build --no-build-isolation --python $(BIN)/python --out-dir dist

image:
	$$(command -v docker || command -v podman) build --tag proprium .

update: setup-dev
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--group build --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	PATH="$$($(BIN)/python deploy/node_bin.py):$$PATH" $(BIN)/python -m collector.data_update
	$(MAKE) setup-dev

clean:  # never touches data/
	rm -rf .venv build dist assets/build assets/js/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find collector maps proprium tests -name __pycache__ -prune -exec rm -rf {} +

# What is below runs once, and again when its input changed: a second `make run` starts at once.

setup: $(BIN)/.runtime $(BIN)/.bundle

setup-dev: $(BIN)/.dev $(BIN)/.bundle

$(BIN)/.system: deploy/system-packages
	@test -n "$(PYTHON)" || { echo "Proprium needs Python 3.11 or newer: apt-get install python3" >&2; exit 1; }
	@sh deploy/system-packages $(PYTHON)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@touch $@

$(BIN)/.runtime: $(BIN)/.system requirements.lock pyproject.toml
	@echo "Installing the locked dependencies …"
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/.dev: $(BIN)/.runtime requirements-dev.lock
	@$(INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

# Without the bundle the stock one serves, so a failure here is a warning; it is tried again next time.
$(BIN)/.bundle: $(BIN)/.runtime $(BUNDLE)
	@echo "Building the chart bundle …"
	@if PATH="$$($(BIN)/python deploy/node_bin.py):$$PATH" sh deploy/build-bundle; then touch $@; \
	else echo "warning: no chart bundle (it needs Node and the npm registry): the stock one serves." >&2; fi
