"""`make restore` brings back what `make backup` wrote; a file that is no backup changes nothing."""

import pytest

from tests.compose.stack import Stack


@pytest.fixture(scope="module")
def backup(stack: Stack) -> str:
    """The backup of two studies, in the copy of the project."""
    stack.sweep("first")
    stack.sweep("second", "model=dense,cnn", "model.size=tiny", "trainer.max_epochs=1")
    (file,) = stack.good("make", "backup").split()
    return file


def artifacts(stack: Stack) -> str:
    found = stack.compose(
        "exec", "-T", "mlflow", "sh", "-c", "cd /mlartifacts && find . -type f | sort | xargs sha256sum"
    )
    assert found.returncode == 0 and found.stdout.count("config.yaml") == 6
    return found.stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "which file?"),
        ("backups/none.tar", "FILE=backups/none.tar does not exist"),
        ("README.md", "it is no tar archive"),
        ("other.tar", "there is no mlflow.dump in it"),
    ],
)
def test_a_file_that_is_no_backup_is_refused(stack: Stack, backup: str, given: str, told: str) -> None:
    stack.good("tar", "-cf", "other.tar", "README.md")
    done = stack.run("make", "restore", f"FILE={given}")
    assert done.returncode == 2 and told in done.stderr
    assert backup in done.stderr or "archive" in done.stderr or "mlflow.dump" in done.stderr
    assert "agree" in stack.good("sweeps", "doctor", "first")


@pytest.mark.parametrize("part", ["sweeps.dump", "artifacts.tar.gz"])
def test_a_file_that_is_cut_short_changes_nothing(stack: Stack, backup: str, part: str) -> None:
    stack.good("mkdir", part)
    stack.good("tar", "-C", part, "-xf", backup)
    whole = (stack.folder / part / part).read_bytes()
    (stack.folder / part / part).write_bytes(whole[: len(whole) // 2])
    stack.good("tar", "-C", part, "-cf", "cut.tar", "artifacts.tar.gz", "mlflow.dump", "sweeps.dump")
    runs, files = stack.trials("first"), artifacts(stack)
    done = stack.run("make", "restore", "FILE=cut.tar")
    assert done.returncode != 0 and "Nothing has changed" in done.stderr
    stack.up()
    assert stack.trials("first") == runs and artifacts(stack) == files


def test_everything_comes_back_after_the_volumes_are_gone(stack: Stack, backup: str) -> None:
    assert (stack.folder / backup).stat().st_mode & 0o777 == 0o600
    runs, files = stack.trials("first"), artifacts(stack)
    stack.sweep("later", "model=dense", "model.size=tiny,base", "trainer.max_epochs=1")
    assert stack.compose("down", "--volumes").returncode == 0
    (stack.folder / ".env").unlink()  # the passwords may be lost, too
    stack.good("make", "restore", f"FILE={backup}")
    stack.up()
    for name in ("first", "second"):
        assert "agree" in stack.good("sweeps", "doctor", name)
    assert stack.trials("first") == runs and artifacts(stack) == files
    listed = stack.good("sweeps", "list")
    assert "first" in listed and "later" not in listed
    stack.sweep("first", "model=dense", "model.optimizer.lr=0.001,0.005", "trainer.max_epochs=1")  # it goes on
    assert len(stack.trials("first")) == 5


def test_another_version_of_mlflow_finds_a_dump_before_it_migrates(stack: Stack, backup: str) -> None:
    compose = stack.folder / "compose.yaml"
    compose.write_text(compose.read_text().replace("/stack/dump, 3.17.2", "/stack/dump, 3.99.0"))
    stack.up()
    (dump,) = (stack.folder / "backups").glob("before-mlflow-3.99.0-from-*.tar")
    assert stack.good("tar", "-tf", str(dump)).split() == ["mlflow.dump", "sweeps.dump"]
    stack.good("make", "restore", f"FILE=backups/{dump.name}")
    assert backup and "agree" in stack.good("sweeps", "doctor", "second")
