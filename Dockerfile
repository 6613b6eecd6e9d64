# Two targets. Both run what `make setup` and `make test-gpu` run, and nothing beside it:
# tests/test_guards.py holds the lines below to the Makefile. The work is done as Debian's
# `nobody`, so a folder to write to must let it (Spark needs a user that has a name).
#
#   docker build --target spark -t cc-math .
#   mkdir -m 777 out
#   docker run --rm -v "$PWD:/data" -w /data cc-math run --input crawl --output out …

FROM python:3.11-slim-bookworm AS spark
WORKDIR /opt/cc-math
COPY . .
RUN apt-get update -q && apt-get install -q -y --no-install-recommends make
RUN make setup
ENV HOME=/tmp \
    PATH=/opt/cc-math/.venv/bin:$PATH \
    PYSPARK_PYTHON=/opt/cc-math/.venv/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/cc-math/.venv/bin/python
USER nobody
ENTRYPOINT ["cc-math"]

FROM spark AS gpu
USER root
RUN .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt -e '.[gpu]'
USER nobody
ENTRYPOINT ["python"]
