"""Stages whose input and output are in S3 (moto's server): the bytes of local ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cc_math import storage
from cc_math.cli import cli
from tests.conftest import SAMPLE
from tests.test_corrupt_warc import done
from tests.test_pipeline import tree

pytestmark = [pytest.mark.spark, pytest.mark.slow]

WARC = SAMPLE / "CC-SAMPLE-2026-05-00001.warc.gz"
OUTPUT = "s3://bucket/some/out"


@pytest.fixture
def bucket(spark: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket in a server of its own, known to this process and to new Spark workers."""
    server_module = pytest.importorskip("moto.server")
    import boto3

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
        # the JVM of the shared session runs already and does not see this process's environment
        monkeypatch.setitem(spark.sparkContext.environment, name, value)
    storage._store.cache_clear()
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    storage._store.cache_clear()
    server.stop()


def s3_tree(client: Any) -> dict[str, str]:
    """As :func:`tests.test_pipeline.tree`, for all of the output in the bucket."""
    prefix = OUTPUT.removeprefix("s3://bucket/") + "/"
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix):
        for item in page.get("Contents", []):
            name = item["Key"].removeprefix(prefix)
            if "_run" not in name.split("/"):
                body = client.get_object(Bucket="bucket", Key=item["Key"])["Body"].read()
                found[name] = hashlib.sha256(body).hexdigest()
    return found


def stages(warc: str, output: str) -> None:
    """The stages whose tasks read and write in every way there is: streams, ranges, Arrow."""
    documents, scores = f"{output}/documents", f"{output}/scores"
    done(["extract", "--input", warc, "--output", output])
    done(["score", "--documents", documents, "--output", scores])
    corpus = ["--documents", documents, "--scores", scores, "--output", f"{output}/corpus"]
    done(["compose", *corpus])
    done(["shard", "--corpus", f"{output}/corpus", "--output", f"{output}/shards"])


def test_stages_in_s3_give_the_bytes_of_local_ones(
    bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.upload_file(str(WARC), "bucket", f"crawl/{WARC.name}")
    stages("s3://bucket/crawl/", OUTPUT)
    stages(str(WARC), str(tmp_path / "out"))
    expected = tree(tmp_path / "out")
    assert s3_tree(bucket) == expected
    assert len(expected) > 15
    capsys.readouterr()
    done(["verify", OUTPUT])
    assert "no problems in 4 stages" in capsys.readouterr().out
    key = next(name for name in expected if name.startswith("corpus/") and "parquet" in name)
    bucket.put_object(Bucket="bucket", Key=f"some/out/{key}", Body=b"not what was written")
    with pytest.raises(SystemExit) as ended:
        cli.main(["verify", OUTPUT], standalone_mode=False)
    assert ended.value.code == 3
    assert f"{OUTPUT}/{key}: has 20 bytes" in capsys.readouterr().out


def test_what_is_not_in_s3_is_named(bucket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for warc, said in (
        ("s3://bucket/none.warc.gz", "there is no s3://bucket/none.warc.gz"),
        ("s3://bucket/none/", "expected a WARC"),
        ("s3://no-such-bucket/none/", "the bucket does not exist"),
    ):
        command = ["extract", "--input", warc, "--output", OUTPUT]
        assert cli.main(command, standalone_mode=False) == 2
        assert said in capsys.readouterr().err
