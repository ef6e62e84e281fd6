"""Trials that ran different code, libraries or devices: each says so, and so does every table of them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.outcome import Completed, from_json, to_json
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.best import keep_best, record, told_best
from sweeps.report.captions import caption
from sweeps.report.codes import other_code
from sweeps.report.frame import trial_frame
from sweeps.report.portable import Portable
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_study, own_trial
from sweeps.trial.ran import signed
from tests.studies import done, url

CPU = "a cpu"


def origin(code: str, commit: str = "", *, is_dirty: bool = False) -> dict[str, Any]:
    return {"source": "app.py", "commit": commit or None, "is_dirty": is_dirty, "code": code}


def attempt(code: str, commit: str = "", torch: str = "2.1", device: str = CPU, **more: Any) -> dict[str, Any]:
    return {"origin": origin(code, commit, **more), "versions": {"python": "3.11", "torch": torch}, "device": device}


A, B = attempt("aaaa", "1" * 40), attempt("bbbb", "2" * 40)


def study_of(
    folder: Path,
    *trials: list[dict[str, Any]],
    name: str = "s",
    axis: str = "x",
    values: Sequence[str] = tuple("0123456789"),
) -> Study:
    """A study whose trials have had these attempts; an event with a GPU is one of the attempt before it."""
    directory = folder / "studies" / name
    facts = {"objective": ["loss"], "directory": str(directory), "command": {"origin": origin("zzzz", "9" * 40)}}
    study = Study.create(Database(url(folder)), name, ["minimize"], facts)
    files = StudyFiles(directory)
    own_study(files, name, study.facts["key"])
    study.add([Point(overrides={axis: values[i]}, varied=(axis,)) for i in range(len(trials))])
    for number, attempts in enumerate(trials):
        claim = study.claim("w", None)
        assert claim is not None
        left = files.trial(number)
        own_trial(left, claim.point.key)
        for event in attempts:
            Journal(left.directory).event("device" if "gpu" in event else "attempt", **event)
        study.tell(claim, signed(done(number / 2), left.journal))
    return study


def test_an_outcome_says_what_ran_its_trial_and_a_continued_one_says_both(tmp_path: Path) -> None:
    study = study_of(tmp_path, [A], [A, A], [A, B], [B, A, B], [], [A, {"versions": None}], [attempt("")])
    codes = [trial.outcome.code for trial in study.trials() if trial.outcome]
    assert codes == [("aaaa",), ("aaaa",), ("aaaa", "bbbb"), ("bbbb", "aaaa", "bbbb"), (), (), ()]
    of = [trial.outcome.circumstances for trial in study.trials() if trial.outcome]
    assert of[0] == of[1] == of[2] == of[3] and len(of[0]) == 8 and of[4] == ""
    assert trial_frame(study).code.tolist() == [
        "aaaa",
        "aaaa",
        "aaaa, then bbbb",
        "bbbb, then aaaa, then bbbb",
        "",
        "",
        "",
    ]


def test_another_library_or_device_is_another_circumstance(tmp_path: Path) -> None:
    others = [A], [attempt("aaaa", torch="2.2")], [attempt("aaaa", device="x")], [A, {"gpu": 1, "device": "H100"}]
    found = {trial.outcome.circumstances for trial in study_of(tmp_path, *others).trials() if trial.outcome}
    assert len(found) == 4


def test_an_outcome_of_a_later_version_is_read_and_what_it_adds_is_left_out() -> None:
    outcome = replace(done(1.0), code=("aaaa", "bbbb"), circumstances="c")
    text = json.dumps({**json.loads(to_json(outcome)), "weather": "fine"})
    found = from_json(text)
    assert found == outcome and (found.code, found.circumstances) == (("aaaa", "bbbb"), "c")
    earlier = {key: value for key, value in json.loads(text).items() if key not in ("code", "circumstances")}
    assert from_json(json.dumps(earlier)).code == ()
    assert outcome == done(1.0)  # what ran it says nothing of how it ended


def test_a_table_says_that_its_trials_are_of_different_code(tmp_path: Path) -> None:
    study = study_of(tmp_path, [A], [A], [B], [A, B], [A], [])
    read = Looked.at([study])
    table = table_of(read, Asked())
    told = "different code: trials 0, 1, 4 ran aaaa; trial 2 ran bbbb; trial 3 ran aaaa, then bbbb."
    assert table.notes[-1] == f"The trials of this table are of {told}"
    assert read.frame().flat()["code"].tolist() == ["aaaa", "aaaa", "bbbb", "aaaa, then bbbb", "aaaa", ""]
    kept = Portable.from_json(read.portable().to_json())
    assert table_of(kept, Asked()).notes == table.notes
    one = Looked.at([study_of(tmp_path, [A], [A], [], name="one")])
    assert not [note for note in table_of(one, Asked()).notes if "code" in note]
    assert "code" not in one.frame().flat()
    alone = Looked.at([study_of(tmp_path, [A, B], name="alone")])
    assert table_of(alone, Asked()).notes[-1].endswith("different code: trial 0 ran aaaa, then bbbb.")
    both = Looked.at([study_of(tmp_path, [A], [A], name="p"), study_of(tmp_path, [B], name="q")])
    assert table_of(both, Asked()).notes[-1].endswith("different code: 2 trials ran aaaa; 1 trial ran bbbb.")


def test_a_file_of_an_earlier_version_has_no_code(tmp_path: Path) -> None:
    told = json.loads(Looked.at([study_of(tmp_path, [A])]).portable().to_json())
    del told["code"]
    assert Portable.from_json(json.dumps(told)).trials.code.tolist() == [""]


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([[A], [A]], "Program: app.py at commit 111111111111. Versions: python 3.11, torch 2.1. Device: a cpu."),
        (
            [[A], [B], [A]],
            "Program: app.py at commit 111111111111 (trials 0, 2); app.py at commit 222222222222 (trial 1)."
            " Versions: python 3.11, torch 2.1. Device: a cpu.",
        ),
        (
            [[attempt("aaaa")], [attempt("bbbb")]],  # no repository
            "Program: app.py, code aaaa (trial 0); app.py, code bbbb (trial 1)."
            " Versions: python 3.11, torch 2.1. Device: a cpu.",
        ),
        (
            [[A], [attempt("aaaa", "1" * 40, torch="2.2", device="other")], [A, {"gpu": 1, "device": "H100"}]],
            "Program: app.py at commit 111111111111. Versions: python 3.11, torch 2.1 (trials 0, 2) and 2.2 (trial 1)."
            " Device: a cpu (trial 0); other (trial 1); a cpu, H100 (trial 2).",
        ),
        ([[]], "Program: app.py at commit 999999999999."),  # nothing is left of the trial: the study's last command
    ],
)
def test_a_caption_says_which_trials_ran_what(tmp_path: Path, trials: list[list[dict[str, Any]]], told: str) -> None:
    study = study_of(tmp_path, *trials)
    num = f"{len(trials)} trial{'s' if trials[1:] else ''}"
    found = caption([study], [study.trials()])
    assert found.startswith(f"Study s: {num}.") and found.endswith(told), found


def test_a_caption_gives_no_trial_what_another_one_has(tmp_path: Path) -> None:
    study = study_of(tmp_path, [A], [A], [A], axis="model", values=("dense", "cnn", "vit"))
    directory = StudyFiles(Path(study.facts["directory"]))
    for number, size in enumerate(("base", "base", "tiny")):
        config = {"model": {"size": size}, "trainer": {"max_epochs": 3}, "data": {"batch_size": 32 * (number or 1)}}
        directory.trial(number).config.write_text(json.dumps(config))
    trials = study.trials()
    assert "Fixed: trainer.max_epochs=3. " in caption([study], [trials])
    assert "Fixed: model.size=base, trainer.max_epochs=3, data.batch_size=32. " in caption([study], [trials[:2]])
    study = study_of(
        tmp_path,
        [{**A, "choices": {"data": "a"}}],
        [{**A, "choices": {"data": "b"}}],
        axis="experiment",
        values=("x", "y"),
        name="t",
    )
    trials = study.trials()
    assert "Fixed" not in caption([study], [trials]) and "Fixed: data=a, experiment=x." in caption(
        [study], [trials[:1]]
    )


def test_the_best_trial_says_which_code_ran_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, [A, B], [A])
    files = StudyFiles(Path(study.facts["directory"]))
    assert "code:       app.py at commit 222222222222, aaaa, then bbbb" in told_best(study)
    keep_best(study, files)
    assert yaml.safe_load(files.best.read_text())["best"][0]["code"] == "aaaa, then bbbb"
    unknown = study_of(tmp_path, [attempt("", "1" * 40)], [], name="unknown")
    assert "code:       app.py at commit 111111111111" in told_best(unknown)
    assert "code" not in record(unknown, unknown.trials()[0], files)


def test_a_summary_names_the_trials_of_other_code_than_there_is_now(tmp_path: Path) -> None:
    trials = study_of(tmp_path, [A], [B], [A, B], []).trials()
    line = "Code:    trials 0, 2 ran other code than there is now (bbbb). A new study.name trains them with it."
    assert other_code(trials, "bbbb") == line
    assert other_code(trials[:1], "bbbb").startswith("Code:    All trials ran other code")
    assert other_code(trials[:1], "aaaa") == other_code(trials, "") == other_code(trials[3:], "bbbb") == ""
    failed = [replace(trial, state="failed") for trial in trials]
    assert other_code(failed, "bbbb") == "" and isinstance(trials[0].outcome, Completed)
