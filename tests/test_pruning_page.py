"""Every command of docs/pruning.md is run, and its table names every pruner with its options."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from sweeps.choices import PRUNERS, SAMPLERS
from sweeps.outcome import Pruned
from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import REPOSITORY
from tests.pages import Page, shell

PAGE = Page(REPOSITORY / "docs" / "pruning.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page was followed from its first block to its last, but for trials that go on."""
    made = tmp_path_factory.mktemp("pruning")
    for name, body in PAGE.files().items():
        (made / name).write_text(body)
    for line in PAGE.commands():
        run(line, made)
    return made


def run(line: str, folder: Path) -> str:
    done = shell(
        line, folder, PYTHONPATH=str(REPOSITORY), SWEEPS_REPORT="false", MLFLOW_TRACKING_URI=f"sqlite:///{folder}/m.db"
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    with (folder / "printed.txt").open("a") as file:
        file.write(f"$ {line}\n{done.stdout}{done.stderr}")
    return done.stdout


def trials(folder: Path, name: str) -> list[TrialRow]:
    return Study(Database(f"sqlite:///{folder}/logs/studies/studies.db", is_view=True), name).trials()


def states(folder: Path, name: str) -> dict[str, str]:
    return {" ".join(trial.point.overrides.values()): trial.state for trial in trials(folder, name) if trial.point}


def test_the_table_has_every_pruner_with_its_options() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE.text, re.MULTILINE))
    assert list(rows) == list(PRUNERS)
    for name, told in rows.items():
        module, _, kind = PRUNERS[name]["_target_"].rpartition(".")
        options = inspect.signature(getattr(import_module(module), kind)).parameters
        missing = [option for option in options if f"`{option}`" not in told]
        assert not missing or "those of `median`" in told, (name, missing)


def test_the_page_of_search_has_every_sampler() -> None:
    text = (REPOSITORY / "docs" / "search.md").read_text().split("## Samplers")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*`) \|", text, re.MULTILINE)
    assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell)] == list(SAMPLERS)


def test_every_block_is_of_a_kind_that_a_test_runs() -> None:
    assert PAGE.labels() == {"", "resume"} and {block.language for block in PAGE.blocks} == {"python", "sh"}


@pytest.mark.slow
def test_what_does_badly_is_stopped(folder: Path) -> None:
    chosen = states(folder, "chosen")
    assert [chosen[lr] for lr in ("0.1", "0.2", "1.5", "2.0")] == ["completed", "completed", "pruned", "pruned"]
    other = states(folder, "other")
    assert {lr: other[f"{lr} 8"] for lr in ("0.1", "1.5")} == {"0.1": "completed", "1.5": "completed"}
    assert {other[f"{lr} 4"] for lr in ("0.1", "0.2", "0.9", "1.5")} == {"pruned"}  # 1 / 4 is above the limit
    several = states(folder, "several")
    assert [several[best] for best in ("0.1 8", "0.1 32")] == ["completed"] * 2 and "pruned" in several.values()


@pytest.mark.slow
def test_replicates_of_a_worse_point_are_not_run(folder: Path) -> None:
    found = trials(folder, "spared")
    left = [trial.number for trial in found if isinstance(trial.outcome, Pruned) and trial.outcome.why]
    assert len(found) == 12 and left and set(left) <= {10, 11}
    assert "not run" in (folder / "printed.txt").read_text()


@pytest.mark.slow
def test_a_pruned_trial_goes_on(folder: Path) -> None:
    told, done = (run(line, folder) for line in PAGE.commands("resume"))
    assert told.startswith("chosen: trial 4 goes on from its last checkpoint, and no pruner stops it. Type the study's")
    assert "Study chosen: 5 trials, 4 of them done." in done and "[5/5] trial 4 completed lr=2.0: " in done
    epochs = trials(folder, "chosen")[4].outcome
    assert epochs is not None and epochs.duration_s < 2.0  # no epoch was trained again
