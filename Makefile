# facility-monitor: what can be done with a checkout. `make help` lists it.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
ARGS   ?=
WORKERS ?= 6
STAMP  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench faults soak fuzz format picture pictures report-picture console-pictures mail-picture messages test-servers install uninstall

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment; afterwards the command is .venv/bin/facility-monitor

$(STAMP): requirements/dev.txt pyproject.toml
	@requirements/virtualenv "$(PYTHON)" $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Run a whole simulated site on loopback (make demo ARGS="--for 90s")
	$(BIN)/facility-monitor demo $(ARGS)

test: setup test-servers ## Run the tests against real servers (make test ARGS="tests/journal -q" WORKERS=0)
	@$(BIN)/python -m compileall -q -j 2 monitor drivers rules config tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

test-servers: ## Install the Debian packages that the tests start (Mosquitto, InfluxDB, nginx, libmodbus, mbpoll, Chromium)
	@tests/servers/install

check: setup ## Formatting, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup test-servers ## Print speed and memory, as ratios; asserts nothing
	$(BIN)/python -m tests.bench $(ARGS)

faults: setup test-servers ## Kill, cut and starve a running site, long (make faults ARGS="--kills 100")
	$(BIN)/python -m tests.faults $(ARGS)

soak: setup test-servers ## A simulated week at x100 with faults, in pieces that resume
	$(BIN)/python -m tests.soak $(ARGS)

fuzz: setup ## Coverage-guided fuzzing of whatever reads bytes from outside
	$(BIN)/python -m tests.fuzz $(ARGS)

picture: setup ## Draw docs/demo.svg from a run of the demo
	$(BIN)/python docs/picture.py

pictures: setup test-servers ## Draw the dashboards (make pictures ARGS="water out.png --url http://127.0.0.1:8086")
	$(BIN)/python -m tests.grafana.picture $(or $(ARGS),all docs/dashboards)

report-picture: setup ## Draw docs/report.png, rollcall.png and link-*.png, of houses that do not exist (needs Debian's chromium)
	$(BIN)/python -m docs.reportpicture
	$(BIN)/python -m docs.rollcallpicture
	$(BIN)/python -m docs.linkpicture

console-pictures: setup ## Draw docs/console-*.png, pages of the console of the demo, which runs meanwhile (needs Debian's chromium and a Chinese font)
	$(BIN)/python -m docs.consolepicture $(ARGS)

mail-picture: setup ## Draw docs/mail-*.png, mails of a house that does not exist (needs Debian's chromium)
	$(BIN)/python -m docs.mailpicture

messages: setup ## Bring the catalogues of words up to what messages and pages say (docs/developer.md)
	@for each in docs/catalogues/*.cfg; do domain=$$(basename $$each .cfg); \
		$(BIN)/python -m babel.messages.frontend -q extract -F $$each -k ugettext -k say -k Sentence -k Place:2 \
			--no-location --sort-output --omit-header --width 110 -o monitor/locale/$$domain.pot . && \
		$(BIN)/python -m babel.messages.frontend -q update -i monitor/locale/$$domain.pot -D $$domain \
			-d monitor/locale --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 110 || exit; \
	done

install: ## Install or update the service: sudo make install (docs/install.md)
	@DESTDIR="$(DESTDIR)" PYTHON="$(PYTHON)" systemd/install

uninstall: ## Take the service away and keep its settings and data: sudo make uninstall
	@DESTDIR="$(DESTDIR)" systemd/install --uninstall
