"""Every block of docs/search.md is run, and what it says comes out. What it shows, sweeps/test_draws asserts, too."""

from pathlib import Path

import pytest

from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import REPOSITORY
from tests.pages import Page, shell

PAGE = Page(REPOSITORY / "docs" / "search.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page was followed from its first block to its last."""
    made = tmp_path_factory.mktemp("search")
    for name, body in PAGE.files().items():
        (made / name).write_text(body)
    printed = ""
    for line in PAGE.commands():
        done = shell(
            line, made, PYTHONPATH=str(REPOSITORY), SWEEPS_REPORT="false", MLFLOW_TRACKING_URI=f"sqlite:///{made}/m.db"
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed += f"$ {line}\n{done.stdout}{done.stderr}"
    (made / "printed.txt").write_text(printed)
    return made


def points(folder: Path, name: str) -> list[dict[str, str]]:
    study = Study(Database(f"sqlite:///{folder}/logs/studies/studies.db", is_view=True), name)
    assert all(trial.state == "completed" for trial in study.trials())
    return [trial.point.overrides for trial in study.trials() if trial.point]


def test_all_commands_have_no_label() -> None:
    assert PAGE.labels() == {""} and len(PAGE.commands()) == 8


@pytest.mark.slow
def test_what_is_drawn_lies_in_its_dimensions(folder: Path) -> None:
    drawn = points(folder, "drawn")
    assert len(drawn) == 8 and len({str(point) for point in drawn}) == 8
    assert all(0.001 <= float(point["lr"]) <= 1 and 1 <= int(point["depth"]) <= 6 for point in drawn)


@pytest.mark.slow
def test_each_point_has_each_seed(folder: Path) -> None:
    seeded = points(folder, "seeded")
    assert [point["seed"] for point in seeded] == ["0", "1", "2"] * 4 and len({point["lr"] for point in seeded}) == 4
    table = (folder / "printed.txt").read_text().split("$ sweeps table seeded\n")[1].split("\n\n")[0]
    assert len(table.splitlines()) == 6 and table.count("|   3 |") == 4


@pytest.mark.slow
def test_keys_and_points_that_the_rules_leave_out_are_not_there(folder: Path) -> None:
    needed = [(point["model"], point.get("depth")) for point in points(folder, "needed")]
    assert needed == [("dense", None), ("cnn", "1"), ("cnn", "2"), ("vit", "1"), ("vit", "2")]
    fitting = [(point["width"], point["depth"]) for point in points(folder, "fitting")]
    assert fitting == [("8", "1"), ("8", "2"), ("12", "1"), ("12", "3"), ("16", "1"), ("16", "2")]
    small = [(point["width"], point["depth"]) for point in points(folder, "small")]
    assert small == [("8", "1"), ("8", "2"), ("8", "3"), ("12", "1"), ("12", "2"), ("16", "1")]


@pytest.mark.slow
def test_a_warm_start_begins_with_what_was_given(folder: Path) -> None:
    warm = points(folder, "warm")
    assert warm[0] == {"lr": "0.1", "depth": "2"} and warm[1]["depth"] == "3" and len(warm) == 4
