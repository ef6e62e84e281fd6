"""With compose.s3.yaml the artifacts are in a bucket, and sweeps need no key for it."""

from collections.abc import Callable

from tests.compose.stack import Stack

KEYS = ("access-key-of-the-bucket", "secret-key-of-the-bucket")
MAKE_BUCKET = "import boto3; boto3.client('s3', endpoint_url='http://s3:9000').create_bucket(Bucket='artifacts')"
LIST_BUCKET = (
    "import boto3; found = boto3.client('s3', endpoint_url='http://s3:9000').list_objects_v2(Bucket='artifacts');"
    "print('\\n'.join(entry['Key'] for entry in found.get('Contents', [])))"
)


def in_mlflow(stack: Stack, code: str) -> str:
    return stack.good("docker", "compose", "exec", "-T", "mlflow", "python", "-c", code)


def test_artifacts_of_a_sweep_are_in_the_bucket(make_stack: Callable[..., Stack]) -> None:
    given = {"S3_BUCKET": "artifacts", "S3_ENDPOINT": "http://s3:9000"}
    given |= dict(zip(("S3_ACCESS_KEY", "S3_SECRET_KEY"), KEYS, strict=True))
    stack = make_stack("compose.s3.yaml", "tests/compose/s3/compose.yaml", **given)
    stack.up()
    in_mlflow(stack, MAKE_BUCKET)
    stack.sweep("bucket", "model=dense", "model.size=tiny", "model.optimizer.lr=0.001,0.002", "trainer.max_epochs=1")
    assert "agree" in stack.good("sweeps", "doctor", "bucket")
    kept = in_mlflow(stack, LIST_BUCKET).split()
    assert sum(name.endswith("/config.yaml") for name in kept) == 2
    local = stack.good("docker", "compose", "exec", "-T", "mlflow", "find", "/mlartifacts", "-type", "f")
    assert local.split() == []
    logs = stack.good("docker", "compose", "logs")
    assert not any(key in logs for key in KEYS)


def test_a_bucket_without_a_name_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack("compose.s3.yaml", POSTGRES_PASSWORD="a", MLFLOW_DB_PASSWORD="b", STUDY_DB_PASSWORD="c")
    done = stack.compose("config")
    assert done.returncode != 0 and "S3_BUCKET" in done.stderr
