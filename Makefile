PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PILLOW := 12.3.0
PYINSTALLER := 6.22.3
CACHE := .cache
TSC := tests/npm/node_modules/.bin/tsc

.PHONY: run test test-slow check bench words roles binary systemd shell wheel screenshots setup browser npm corpus nginx clean

run: $(VENV)/.ready
	$(BIN)/servicedesk serve

test: $(VENV)/.ready-test browser npm systemd shell
	$(BIN)/python -m tests.beside

test-slow: $(VENV)/.ready-test browser npm corpus nginx systemd shell binary
	$(BIN)/python -m tests.beside -m slow

check: $(VENV)/.ready-test npm
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml servicedesk
	SEMGREP_SEND_METRICS=off SEMGREP_ENABLE_VERSION_CHECK=0 $(BIN)/semgrep scan --quiet --error --metrics off \
	  --disable-version-check --config packaging/semgrep/rules.yml servicedesk static templates
	@if [ -x $(TSC) ]; then echo $(TSC); $(TSC) -p tests/npm && $(TSC) -p tests/npm/tsconfig.worker.json; \
	  else echo "There is no TypeScript here: the browser's modules were not checked."; fi

bench: $(VENV)/.ready-test
	$(BIN)/python -m bench

words: $(VENV)/.ready-test
	$(BIN)/python packaging/words.py

roles: $(VENV)/.ready-test
	$(BIN)/python packaging/roles.py

# One file with Python and an SQLite of its own: dist/servicedesk.
binary: dist/servicedesk

dist/servicedesk: $(shell find servicedesk templates static packaging -type f ! -name '*.pyc') \
  $(VENV)/.ready-binary $(CACHE)/sqlite/libsqlite3.so.0
	$(BIN)/pyinstaller --noconfirm --log-level ERROR --distpath dist --workpath build/binary packaging/servicedesk.spec

# What checks the unit of the service.
systemd:
	@command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq systemd >/dev/null; } \
	  || echo "Systemd could not be installed: the tests of the service will say that they are skipped."

# What the commands of the documents call.
shell:
	@command -v curl >/dev/null && command -v jq >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq curl jq >/dev/null; } \
	  || echo "There is no curl or no jq, and they could not be installed: the tests of the documents need both."

$(CACHE)/sqlite/libsqlite3.so.0: packaging/sqlite.sh packaging/sqlite.sha256
	packaging/sqlite.sh $(CACHE)/sqlite

# The launcher that PyPI has wants the system's zlib, which a bare system lacks: this one is built with its own.
$(VENV)/.ready-binary: $(VENV)/.ready
	PYI_STATIC_ZLIB=1 PYINSTALLER_COMPILE_BOOTLOADER=1 \
	  $(BIN)/pip install --quiet --no-cache-dir --force-reinstall --no-deps --no-binary pyinstaller pyinstaller==$(PYINSTALLER)
	$(BIN)/pip install --quiet --editable '.[binary]'
	touch $@

wheel: $(VENV)/.ready
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

screenshots: $(VENV)/.ready-test browser
	$(BIN)/python -m tests.browser.screenshots

setup: $(VENV)/.ready-test

$(VENV)/.ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it with PYTHON=, for example: make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	$(BIN)/pip install --quiet --editable '.[test,dev]'
	touch $@

# Playwright drives a Chromium that is already there, Debian's package, or its own download. The one without windows
# needs a quarter of the processor's time.
browser: $(VENV)/.ready-test
	@command -v chromium-headless-shell >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium-headless-shell >/dev/null; } \
	  || command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || $(BIN)/playwright install chromium \
	  || echo "No browser could be installed: the browser tests will say that they are skipped."

# The proxy that the desk is tested behind; Debian's package, which starts nothing where no system runs.
nginx:
	@command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq nginx-light >/dev/null; } \
	  || echo "nginx could not be installed: the tests behind a proxy will say that they are skipped."

# Clients that others wrote, for tests, and what checks the types of the browser's modules.
npm: tests/npm/node_modules/.ready

tests/npm/node_modules/.ready: tests/npm/package.json
	@command -v npm >/dev/null \
	  && npm install --prefix tests/npm --no-package-lock --no-audit --no-fund --silent && touch $@ \
	  || echo "The npm packages could not be installed: the tests that need them will say that they are skipped."

# The pictures of Pillow's own tests are in its source distribution alone.
corpus: $(CACHE)/pillow/.ready-$(PILLOW)

$(CACHE)/pillow/.ready-$(PILLOW): | $(VENV)/.ready-test
	rm -rf $(CACHE)/pillow
	mkdir -p $(CACHE)/pillow
	$(BIN)/pip download --quiet --no-deps --no-binary pillow --dest $(CACHE) pillow==$(PILLOW)
	tar -xzf $(CACHE)/pillow-$(PILLOW).tar.gz -C $(CACHE)/pillow --strip-components 1 pillow-$(PILLOW)/Tests/images
	rm $(CACHE)/pillow-$(PILLOW).tar.gz
	touch $@

clean:
	rm -rf $(VENV) $(CACHE) build dist *.egg-info tests/npm/node_modules
