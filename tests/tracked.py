"""Studies whose trials have left all that a worker keeps, and what a tracking server shows of them."""

from pathlib import Path
from typing import Any

from sweeps.doctor import examine
from sweeps.outcome import Completed, Failed, Outcome
from sweeps.space import Point
from sweeps.study.requeue import Ended
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.mlflow import MlflowView
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal


def new_study(folder: Path, num_open: int) -> Study:
    facts = {"objective": ["loss"], "directory": str(folder / "files")}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), folder.name, ["minimize"], facts)
    study.add(Point(overrides={"w": str(w), "model": "dense"}, varied=("w", "model")) for w in range(num_open))
    return study


def run_trial(
    study: Study, folder: Path, outcome: Outcome, *, keeps_files: bool = True, selected: int | None = None
) -> StudyFiles:
    """Run the next trial as a worker does: a journal, a configuration, a file that it keeps."""
    files = StudyFiles(folder / "files")
    claim = study.claim("w", None)
    assert claim is not None
    own = files.trial(claim.number)
    journal = Journal(own.directory)
    journal.event("attempt", attempt=claim.attempt, seed_key="seed", seed=7, choices={"model": "dense"})
    for step in range(3):
        journal.log({"loss": 1 / (step + 1), "epoch": float(step)}, step)
    if selected is not None:
        journal.event("selected", step=selected)
    journal.log({"test/acc": 0.5}, 2)
    own.config.write_bytes(f"seed: 7\nw: {claim.point.overrides['w']}\r\nname: äöü\n".encode())
    if keeps_files:
        (own.directory / "plots").mkdir()
        (own.directory / "plots" / "a.png").write_bytes(b"\x89PNG\x00\xff")
        journal.event("artifact", path="plots")
    study.settle(claim, Ended(outcome=outcome), 1.0, 0, own)
    study.mirror()
    return files


def ended_study(folder: Path, num: int = 3) -> tuple[Study, StudyFiles]:
    """Completed trials, the last one failed."""
    study = new_study(folder, num)
    for number in range(num):
        failed = Failed(cause="error", detail="ValueError: x", log_tail="Traceback", duration_s=1.0)
        run_trial(study, folder, failed if number == num - 1 else Completed(values=(0.25,), duration_s=1.0))
    return study, StudyFiles(folder / "files")


def problems(study: Study, files: StudyFiles, view: MlflowView) -> list[str]:
    return [finding.problem for finding in examine(study, files, lambda: view)]


def by_trial(view: MlflowView) -> dict[str, Any]:
    return {run.data.tags["trial"]: run for run in view.children()}
