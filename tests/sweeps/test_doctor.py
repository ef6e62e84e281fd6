"""Each thing that can be wrong with a study is one finding, and a study in order has none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sweeps.doctor import Finding, examine
from sweeps.outcome import Completed, Failed, to_json
from sweeps.owners import machine, new_worker_id
from sweeps.report.export import EXPORTS, TRACKED
from sweeps.space import Point
from sweeps.study.ledger import Ledger
from sweeps.study.requeue import Requeue
from sweeps.study.schema import rows
from sweeps.study.study import Study
from sweeps.tracking.runs import Run
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal, Sample
from tests.studies import Given, study_of, url

ONE = Completed(values=(1.0,))


def finished(folder: Path, num_trials: int = 1) -> Study:
    """Completed trials with a journal of two samples each."""
    study = study_of(folder, [({"x": str(x)}, ONE) for x in range(num_trials)])
    for number in range(num_trials):
        for step in range(2):
            Journal(StudyFiles(folder).trial(number).directory).log({"loss": 1.0}, step)
    return study


def problems(findings: Sequence[Finding]) -> list[str]:
    return [finding.problem for finding in findings]


def found(study: Study, folder: Path, view: Any = None) -> list[str]:
    return problems(examine(study, StudyFiles(folder), (lambda: view) if view else None))


class View:
    """What a tracking server answers: run id to trial, status, last step per metric."""

    uri = "sqlite://"

    def __init__(self, *runs: tuple[str, str, dict[str, int]], num_samples: int = 3) -> None:
        self._runs, self._num_samples = runs, num_samples

    def runs(self, role: str) -> list[Run]:
        if role == "study":
            return [Run(id="s", status="FINISHED", tags={}, params={}, latest={})]
        return [self._run(str(i), *run) for i, run in enumerate(self._runs)]

    def sizes(self, run_id: str, folder: str = "") -> dict[str, int]:
        tables = [f"table{EXPORTS[name].suffix}" for name in TRACKED]
        return dict.fromkeys([*tables, "trials.json"], 1) if run_id == "s" else {}

    def _run(self, run_id: str, trial: str, status: str, last: dict[str, int]) -> Run:
        tags = {"trial": trial, "sweeps.num_samples": str(self._num_samples), "mlflow.parentRunId": "s"}
        steps = {"best/loss": 0, **last}
        latest = {name: Sample(name, 1.0, step, 0) for name, step in steps.items()}
        return Run(id=run_id, status=status, tags=tags, params={"x": trial}, latest=latest)


def test_a_study_in_order_has_no_finding(tmp_path: Path) -> None:
    study = finished(tmp_path)
    assert found(study, tmp_path) == []
    assert found(study, tmp_path, View(("0", "FINISHED", {"loss": 1}))) == []


def test_a_trial_that_waits_says_what_happened_to_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None), ({"x": "2"}, None)])
    claim = study.claim("w", None)
    assert claim is not None
    study.give_back(claim, 1.0, Requeue(what="handed back", reason="its worker was told to stop"))
    findings = examine(study, StudyFiles(tmp_path), None)
    assert problems(findings) == [
        "trial 0 is open: attempt 1 handed back, its worker was told to stop",
        "trial 1 has not run",
    ]
    assert {finding.advice for finding in findings} == {f"sweeps worker --storage {url(tmp_path)} s"}


def test_a_trial_of_an_earlier_version_has_attempts_and_no_events(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None), ({"x": "2"}, None)])
    claim = study.claim("w", None)
    assert claim is not None
    study.give_back(claim, 1.0, Requeue(what="handed back", reason="x"))
    with study.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM sweeps_events")
    assert found(study, tmp_path) == [
        "trial 0 is open after 1 attempts, of which nothing is known",
        "trial 1 has not run",
    ]


def test_a_running_trial_says_whether_its_worker_lives(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None), ({"x": "2"}, None)])
    alive, gone = new_worker_id(), f"host:{machine()}:{2**22 + 1}:cafe"
    study.claim(alive, None)
    study.claim(gone, None)
    assert found(study, tmp_path) == [
        f"trial 0 is running: worker {alive} runs it",
        f"trial 1 is running: its worker {gone} is gone",
    ]


def test_a_point_that_was_drawn_twice_is_told(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None)])
    study.add_draws(1)
    given = Given(Point(overrides={"x": "2"}, varied=("x",)))
    for _ in range(2):
        claim = study.claim("w", given)  # type: ignore[arg-type]
        assert claim is not None and study.tell(claim, ONE)
        Journal(StudyFiles(tmp_path).trial(claim.number).directory).event("attempt")
    same = sa.update(rows).where(rows.c.number == 1).values(overrides=json.dumps({"x": "1"}))  # of an earlier version
    study.database.write(lambda connection: connection.execute(same))
    study.mirror()
    assert "trials 0, 1 completed the same point" in found(study, tmp_path)


def test_an_outcome_that_optuna_has_not_is_told(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None)])
    claim = study.claim("w", None)
    assert claim is not None
    Journal(StudyFiles(tmp_path).trial(0).directory).event("attempt")
    ledger = Ledger(study.database, study.facts["key"])
    ledger.change(claim, {"state": "done", "outcome": to_json(ONE)})
    assert found(study, tmp_path) == ["trial 0 differs in Optuna's tables"]


def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, ONE), ({"x": "2"}, ONE), ({"x": "3"}, Failed(cause="error", detail=""))])
    StudyFiles(tmp_path).trial(1).directory.mkdir(parents=True)
    assert found(study, tmp_path) == [f"trial 0 has no directory under {tmp_path}", "trial 1 has no journal"]


def test_a_server_that_does_not_answer_is_one_finding(tmp_path: Path) -> None:
    def connect() -> Any:
        raise ConnectionError("[Errno 111] Connection refused')")

    findings = examine(finished(tmp_path), StudyFiles(tmp_path), connect)
    assert problems(findings) == ["tracking does not answer: Connection refused"]


def test_runs_that_do_not_fit_their_trials_are_told(tmp_path: Path) -> None:
    study = finished(tmp_path, 6)
    view = View(
        ("0", "FINISHED", {"loss": 0}),
        ("1", "RUNNING", {"loss": 1}),
        ("2", "FINISHED", {"loss": 1}),
        ("2", "FINISHED", {"loss": 1}),
        ("4", "FINISHED", {}),
        ("5", "FINISHED", {"loss": 1, "best/loss": 0, "of the application": 9}),
        ("9", "FINISHED", {}),
    )
    findings = examine(study, StudyFiles(tmp_path), lambda: view)  # type: ignore[arg-type,return-value]
    assert problems(findings) == [
        "trial 0: loss ends at step 0 in MLflow, 1 was recorded",
        "trial 1: it is completed, its run is RUNNING",
        "trial 2 has 2 runs in MLflow",
        "trial 3 has 0 runs in MLflow",
        "trial 4: loss is not in MLflow",
        "MLflow has 1 runs of trial 9, the study has none",
    ]
    assert [finding.advice for finding in findings] == [f"sweeps sync --storage {url(tmp_path)} s"] * 5 + [
        "delete them"
    ]
    view = View(*((str(number), "FINISHED", {"loss": 1}) for number in range(6)), num_samples=2)
    assert found(study, tmp_path, view) == [f"trial {number}: its run has 2 of 3 samples" for number in range(6)]


def kept(folder: Path, *configurations: str) -> None:
    """Write what the trials keep of their configurations."""
    for number, text in enumerate(configurations):
        StudyFiles(folder).trial(number).config.write_text(text)


def of_points(folder: Path, *points: dict[str, str]) -> Study:
    study = study_of(folder, [(point, ONE) for point in points])
    for number in range(len(points)):
        Journal(StudyFiles(folder).trial(number).directory).event("attempt")
    return study


NET = "x: {x}\nnet:\n  scale: {scale}\n  name: ${{oc.env:NAME}}\n"


def test_trials_that_differ_in_their_overrides_alone_are_in_order(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1"}, {"x": "2"}, {"+x": "3"})
    kept(tmp_path, *(NET.format(x=x, scale=1) for x in (1, 2, 3)))
    assert found(study, tmp_path) == []


def test_a_trial_whose_file_was_edited_in_between_is_told_from_the_others(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1"}, {"x": "2"}, {"x": "3"})
    kept(tmp_path, *(NET.format(x=x, scale=scale) for x, scale in ((1, 1), (2, 100), (3, 1))))
    (finding,) = examine(study, StudyFiles(tmp_path), None)
    assert finding.problem == "trials 0 and 1 differ in net.scale: 1 and 100"
    assert finding.advice == "a file was edited between them; do not compare them"


def test_trials_of_one_choice_of_a_group_are_compared_with_each_other(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1", "net": "a"}, {"x": "1", "net": "b"}, {"x": "2", "net": "b"})
    kept(tmp_path, *(NET.format(x=x, scale=scale) for x, scale in ((1, 1), (1, 5), (2, 6))))
    assert found(study, tmp_path) == ["trials 1 and 2 differ in net.scale: 5 and 6"]


def test_lists_and_texts_that_look_like_numbers_are_compared_as_they_are(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1"}, {"x": "2"}, {"x": "3"})
    kept(tmp_path, "x: 1\nsizes: [8, 8]\ntag: 1\n", "x: 2\nsizes: [8, 9]\ntag: 1\n", "x: 3\nsizes: [8, 8]\ntag: 1.0\n")
    assert found(study, tmp_path) == [
        "trials 0 and 1 differ in sizes: [8, 8] and [8, 9]",
        "trials 0 and 2 differ in tag: 1 and 1.0",
    ]


def test_trials_of_an_earlier_configuration_are_not_compared_with_those_of_today(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1"}, {"x": "2"})
    kept(tmp_path, NET.format(x=1, scale=1), NET.format(x=2, scale=100))
    with study.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sweeps_points SET configuration = id")  # 1 and 2
    assert found(study, tmp_path) == []


def test_a_configuration_that_is_no_yaml_any_more_is_told(tmp_path: Path) -> None:
    study = of_points(tmp_path, {"x": "1"}, {"x": "2"})
    kept(tmp_path, "x: [1\n", NET.format(x=2, scale=1))
    assert found(study, tmp_path) == [f"trial 0: {StudyFiles(tmp_path).trial(0).config} is damaged"]


def test_a_failed_trial_needs_no_files(tmp_path: Path) -> None:
    assert found(study_of(tmp_path, [({"x": "1"}, Failed(cause="crash", detail="d"))]), tmp_path) == []
