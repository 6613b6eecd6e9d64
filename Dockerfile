# Two targets. Both run what `make setup` and `make test-gpu` run, and nothing beside it:
# tests/test_guards.py holds the lines below to the Makefile.
#
#   docker build --target spark -t cc-math .
#   docker run --rm -v "$PWD:/data" -w /data cc-math run --input crawl --output out …

FROM python:3.11-slim-bookworm AS spark
WORKDIR /opt/cc-math
COPY . .
RUN apt-get update -q && apt-get install -q -y --no-install-recommends make
RUN make setup
ENV PATH=/opt/cc-math/.venv/bin:$PATH \
    PYSPARK_PYTHON=/opt/cc-math/.venv/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/cc-math/.venv/bin/python
ENTRYPOINT ["cc-math"]

FROM spark AS gpu
RUN .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt -e '.[gpu]'
ENTRYPOINT ["python"]
