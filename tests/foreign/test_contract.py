"""Other people's applications, under Hydra's own sweeper and as a study: the same jobs with the same results.

The few differences:
- A trial's directory is `logs/studies/STUDY/trials/NUMBER`, and stays the same when the trial is run again.
- Each trial has a process of its own, several at a time: what one job sets in a global, the next does not see.
- A script is the module `__mp_main__` there, so that its `if __name__ == "__main__"` does not start a second sweep.
- A job that fails is a line of the output; its traceback is in `trial.log`.
"""

from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from tests.foreign.runs import Application

BASES = ["1.1", "1.2", "1.3", "None"] if version("hydra-core").startswith("1.3.") else ["1.3", "None"]
IN_SWEEPER = "hydra.sweeper."


@dataclass(frozen=True)
class Client:
    """An application of `apps/`.

    Attributes:
        name: Its file.
        line: What it sweeps.
        values: What its jobs return, sorted; None where that is no number.
        environment: Variables it reads.
        needs: A library that may be missing.
        is_slow: Whether another one here asserts more, so that this one runs with the long tests.
    """

    name: str
    line: tuple[str, ...]
    values: tuple[float, ...] | None
    environment: dict[str, str] = field(default_factory=dict)
    needs: str = "hydra"
    is_slow: bool = False

    def __str__(self) -> str:
        return "-".join([self.name, *self.environment.values()])


CLIENTS = [
    *(Client("plain", ("lr=0.1,0.3",), (0.0, 0.04), {"VERSION_BASE": base}, is_slow=base != "None") for base in BASES),
    Client("structured", ("x=1,2", "optimizer.lr=0.1"), (1.1, 2.1), is_slow=True),
    Client("zen", ("schedule.start=1,2", "epochs=3"), (1.75, 3.5), needs="hydra_zen"),
    Client("scikit", ("model=tree,nearest", "folds=3,5"), None, needs="sklearn", is_slow=True),
    Client("torch_loop", ("lr=0.01,0.1",), None, needs="torch", is_slow=True),
    Client("torch_loop", ("lr=0.01,0.1",), None, {"KILLED": "1"}, needs="torch"),
    Client("own_mlflow", ("+x=1,2",), (1.0, 2.0), {"WAY": "context", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}),
    Client("own_keys", ("paths.dataset=a,bc", "study.cohort=7,8", "seed=[1,2],[3]"), None),
]


def directories(top: Path) -> list[Path]:
    return sorted(path.parent for path in top.rglob(".hydra"))


@pytest.mark.long
@pytest.mark.parametrize(
    "client", [pytest.param(each, id=str(each), marks=[pytest.mark.slow] * each.is_slow) for each in CLIENTS]
)
def test_a_study_runs_the_jobs_of_hydras_own_sweeper(client: Client, tmp_path: Path) -> None:
    if find_spec(client.needs) is None:
        pytest.skip(f"{client.needs} is not installed")
    app = Application.named(tmp_path, client.name, **client.environment)
    noted = app.basic(*client.line)
    assert app.study(*client.line, place=IN_SWEEPER) == noted and len(noted) == len(set(noted)) > 1
    trials = app.trials()
    assert [trial.state for trial in trials] == ["completed"] * len(noted)
    assert {trial.attempt for trial in trials} == {2 if "KILLED" in client.environment else 1}
    if client.values is not None:
        values = [trial.outcome.values for trial in trials if isinstance(trial.outcome, Completed)]
        assert sorted(value for (value,) in values) == pytest.approx(client.values)
    theirs, ours = directories(tmp_path / "multirun"), directories(tmp_path / "logs")
    assert [path.name for path in ours] == [f"{int(path.name):03}" for path in theirs]
    for one, other in zip(theirs, ours, strict=True):
        assert (one / ".hydra" / "config.yaml").read_text() == (other / ".hydra" / "config.yaml").read_text()
        assert (one / ".hydra" / "overrides.yaml").read_text() == (other / ".hydra" / "overrides.yaml").read_text()


def test_what_differs(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "differs")
    noted = app.basic("+x=1,2,3", code=1)
    assert noted == [f"{number + 1} __main__ {number + 1} multirun {number}" for number in range(3)]
    noted = app.study("+x=1,2,3", code=1, place=IN_SWEEPER)
    assert noted == [f"{number + 1} __mp_main__ 1 logs {number:03}" for number in range(3)]
    assert [trial.state for trial in app.trials()] == ["completed", "failed", "completed"]
    assert "trial 1 failed +x=2: error: ValueError: two" in app.out and "Traceback" not in app.out + app.err
    assert "Traceback" in (tmp_path / "logs/studies/s/trials/001/trial.log").read_text()
