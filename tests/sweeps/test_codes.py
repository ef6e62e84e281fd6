"""Trials that ran different code, libraries or devices: each says so, and so does every table of them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.outcome import from_json, to_json
from sweeps.ran import Ran, digest_of
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.best import keep_best, told_best
from sweeps.report.captions import caption
from sweeps.report.codes import note_of_codes, other_code
from sweeps.report.frame import trial_frame
from sweeps.report.portable import Portable
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_study, own_trial
from sweeps.trial.signed import signed
from sweeps.values import digest
from tests.studies import done, url

CPU = "a cpu"
Event = tuple[str, dict[str, Any]]


def origin(commit: str = "", *, is_dirty: bool = False) -> dict[str, Any]:
    return {"source": "app.py", "commit": commit or None, "is_dirty": is_dirty}


def attempt(code: str, commit: str = "", torch: str = "2.1", device: str = CPU, **files: str) -> list[Event]:
    """An attempt, and the files that it has imported: `app.py`, and others by the names of the arguments."""
    about = {"origin": origin(commit), "versions": {"python": "3.11", "torch": torch}, "device": device}
    found = {"app.py": code, **{f"{name}.py": digest for name, digest in files.items()}}
    return [("attempt", about), *([("code", {"files": found})] if code else [])]


def name_of(code: str, **files: str) -> str:
    return digest({"app.py": code, **{f"{name}.py": told for name, told in files.items()}})[:8]


A, B = attempt("aaaa", "1" * 40), attempt("bbbb", "2" * 40)
OF_A, OF_B = name_of("aaaa"), name_of("bbbb")


def study_of(
    folder: Path,
    *trials: list[Event],
    name: str = "s",
    axis: str = "x",
    values: Sequence[str] = tuple("0123456789"),
) -> Study:
    """A study whose trials have left these events."""
    directory = folder / "studies" / name
    facts = {"objective": ["loss"], "directory": str(directory), "command": {"origin": origin("9" * 40)}}
    study = Study.create(Database(url(folder)), name, ["minimize"], facts)
    files = StudyFiles(directory)
    own_study(files, name, study.facts["key"])
    values = values[: len(trials)]
    study.add([Point(overrides={axis: value}, varied=(axis,), identity=f"i{i}") for i, value in enumerate(values)])
    for number, events in enumerate(trials):
        claim = study.claim("w", None)
        assert claim is not None
        left = files.trial(number)
        own_trial(left, claim.point.key)
        for kind, fields in events:
            Journal(left.directory).event(kind, **fields)
        outcome, code = signed(done(number / 2), left.journal)
        study.know_code(code)
        study.tell(claim, outcome)
    return study


def told(study: Study) -> list[str]:
    return trial_frame(study).code.tolist()


def test_an_outcome_says_what_ran_its_trial_and_a_continued_one_says_both(tmp_path: Path) -> None:
    unknown, spoilt = attempt(""), [("attempt", {"versions": None}), ("code", {"files": [1]})]
    study = study_of(tmp_path, A, A + A, A + B, B + A + B, [], A + spoilt, unknown)
    assert told(study) == [OF_A, OF_A, f"{OF_A}, then {OF_B}", f"{OF_B}, then {OF_A}", "", "", ""]
    of = [trial.outcome.ran.circumstances for trial in study.trials() if trial.outcome]
    assert of[0] == of[1] == of[2] == of[3] and len(of[0]) == 8 and of[4] == ""


def test_code_is_the_same_where_the_files_are_that_both_have_imported(tmp_path: Path) -> None:
    trials = [
        attempt("aaaa", dense="1"),
        attempt("aaaa", cnn="1"),
        attempt("aaaa", cnn="2"),  # that file was edited
        attempt("aaaa", dense="1"),
        attempt("aaaa"),
        attempt("bbbb", dense="1"),
    ]
    first, cnn, last = name_of("aaaa", dense="1"), name_of("aaaa", cnn="2"), name_of("bbbb", dense="1")
    assert told(study_of(tmp_path, *trials)) == [first, first, cnn, first, first, last]
    later = [("code", {"files": {"late.py": "1"}})]  # imported by the task itself, on its way
    assert len(set(told(study_of(tmp_path, A, A + later, A + later + A, name="late")))) == 1
    edited = [*A, ("code", {"files": {"late.py": "2"}})]
    assert len(set(told(study_of(tmp_path, A + later, edited, name="other")))) == 2


def test_studies_that_stand_in_one_table_have_one_name_for_one_code(tmp_path: Path) -> None:
    dense = study_of(tmp_path, attempt("aaaa", dense="1"), name="dense")
    cnn = study_of(tmp_path, attempt("aaaa", cnn="1"), name="cnn")
    assert told(dense) != told(cnn)
    both = Looked.at([dense, cnn])
    assert not [note for note in table_of(both, Asked()).notes if "code" in note] and "code" not in both.frame().flat()
    assert "Program: app.py at commit 999999999999. " not in both.caption()


def test_another_library_or_device_is_another_circumstance(tmp_path: Path) -> None:
    gpu = [*A, ("device", {"device": "H100"})]
    study = study_of(tmp_path, A, attempt("aaaa", torch="2.2"), attempt("aaaa", device="x"), gpu)
    assert len({trial.outcome.ran.circumstances for trial in study.trials() if trial.outcome}) == 4


def test_an_outcome_of_a_later_version_is_read_and_what_it_adds_is_left_out() -> None:
    outcome = replace(done(1.0), ran=Ran(code=("aaaa", "bbbb"), circumstances="c", data={"d": "1"}))
    text = json.loads(to_json(outcome))
    text = {**text, "weather": "fine", "ran": {**text["ran"], "moon": 1}}
    found = from_json(json.dumps(text))
    assert found == outcome and found.ran == outcome.ran
    del text["ran"]
    assert from_json(json.dumps(text)).ran == Ran()
    assert outcome == done(1.0)  # what ran it says nothing of how it ended


def test_a_table_says_that_its_trials_are_of_different_code(tmp_path: Path) -> None:
    study = study_of(tmp_path, A, A, B, A + B, A, [])
    looked = Looked.at([study])
    table = table_of(looked, Asked())
    sentence = f"different code: trials 0, 1, 4 ran {OF_A}; trial 2 ran {OF_B}; trial 3 ran {OF_A}, then {OF_B}."
    assert table.notes[-1] == f"The trials of this table are of {sentence}"
    assert looked.frame().flat()["code"].tolist() == [OF_A, OF_A, OF_B, f"{OF_A}, then {OF_B}", OF_A, ""]
    kept = Portable.from_json(looked.portable().to_json())
    assert table_of(kept, Asked()).notes == table.notes
    one = Looked.at([study_of(tmp_path, A, A, [], name="one")])
    assert not [note for note in table_of(one, Asked()).notes if "code" in note]
    assert "code" not in one.frame().flat()
    alone = Looked.at([study_of(tmp_path, A + B, name="alone")])
    assert table_of(alone, Asked()).notes[-1].endswith(f"different code: trial 0 ran {OF_A}, then {OF_B}.")
    both = Looked.at([study_of(tmp_path, A, A, name="p"), study_of(tmp_path, B, name="q")])
    apart = both.frame(["x=0"]).completed()  # a number is of several trials, even where only one of them is left
    assert apart.is_joined and note_of_codes(apart).endswith(f"code: trial 0 of p ran {OF_A}; trial 0 of q ran {OF_B}.")
    note = table_of(both, Asked()).notes[-1]
    assert note.endswith(f"different code: trials 0, 1 of p ran {OF_A}; trial 0 of q ran {OF_B}.")
    more = Looked.at([*both.studies, *(study_of(tmp_path, A, B, name=name) for name in "uv")])
    sentence = (
        f"trials 0, 1 of p, trial 0 of u and trial 0 of v ran {OF_A}; trial 0 of q, trial 1 of u and trial 1 of v"
    )
    assert table_of(more, Asked()).notes[-1].endswith(f"different code: {sentence} ran {OF_B}.")
    many = Looked.at([*more.studies, study_of(tmp_path, A, B, name="w")])
    assert table_of(many, Asked()).notes[-1].endswith(f"different code: 5 trials ran {OF_A}; 4 trials ran {OF_B}.")


def read(*digests: str, name: str = "digits") -> list[Event]:
    return [*A, *(("dataset", {"name": name, "digest": digest * 64, "rows": None}) for digest in digests)]


@pytest.mark.parametrize(
    ("axis", "values", "told"),
    [
        ("lr", "0123", "trials 0, 1 1{7}; trials 2, 3 2{7}"),  # the file was edited between them
        ("data", "aabb", None),  # the keys say another content
        ("+data.part", "aabb", None),
        ("seed", "0123", None),
        ("data", "aaab", "trials 0, 1 1{7}; trials 2, 3 2{7}"),
    ],
)
def test_a_table_says_that_its_trials_have_read_different_data(
    tmp_path: Path, axis: str, values: str, told: str | None
) -> None:
    study = study_of(tmp_path, read("1"), read("1"), read("0", "2"), read("2"), axis=axis, values=tuple(values))
    looked = Looked.at([study])
    notes = [note for note in table_of(looked, Asked()).notes if "data" in note]
    sentence = f"The trials of this table have read different data by the name of digits: {told}."
    assert notes == ([sentence.replace("1{7}", "1" * 8).replace("2{7}", "2" * 8)] if told else [])
    kept = Portable.from_json(looked.portable().to_json())
    assert table_of(kept, Asked()).notes == table_of(looked, Asked()).notes


def test_data_of_several_names_are_each_their_own(tmp_path: Path) -> None:
    both = [*read("1"), *read("2", name="more")[len(A) :]]
    one = Looked.at([study_of(tmp_path, both, both, read("1"), A)])
    assert not [note for note in table_of(one, Asked()).notes if "data" in note]
    assert one.frame().data.tolist()[0] == '{"digits": "11111111", "more": "22222222"}'
    edited = Looked.at([study_of(tmp_path, both, read("1"), read("3", name="more"), name="edited")])
    (note,) = (note for note in table_of(edited, Asked()).notes if "data" in note)
    assert note.endswith("by the name of more: trial 0 22222222; trial 2 33333333.")


def test_a_file_of_an_earlier_version_has_no_code(tmp_path: Path) -> None:
    told = json.loads(Looked.at([study_of(tmp_path, A)]).portable().to_json())
    del told["code"], told["data"]
    found = Portable.from_json(json.dumps(told)).trials
    assert found.code.tolist() == [""] and found.data.tolist() == ["{}"]


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([A, A], "Program: app.py at commit 111111111111. Versions: python 3.11, torch 2.1. Device: a cpu."),
        (
            [A, B, A],
            "Program: app.py at commit 111111111111 (trials 0, 2); app.py at commit 222222222222 (trial 1)."
            " Versions: python 3.11, torch 2.1. Device: a cpu.",
        ),
        (
            [A + B],
            "Program: app.py at commit 111111111111, then app.py at commit 222222222222."
            " Versions: python 3.11, torch 2.1. Device: a cpu.",
        ),
        (
            [attempt("aaaa"), attempt("bbbb")],  # no repository
            f"Program: app.py, code {OF_A} (trial 0); app.py, code {OF_B} (trial 1)."
            " Versions: python 3.11, torch 2.1. Device: a cpu.",
        ),
        (
            [A, attempt("aaaa", "1" * 40, torch="2.2", device="other"), [*A, ("device", {"device": "H100"})]],
            "Program: app.py at commit 111111111111. Versions: python 3.11, torch 2.1 (trials 0, 2) and 2.2 (trial 1)."
            " Device: a cpu (trial 0); other (trial 1); a cpu, H100 (trial 2).",
        ),
        ([[]], "Program: app.py at commit 999999999999."),  # nothing is left of the trial: the study's last command
    ],
)
def test_a_caption_says_which_trials_ran_what(tmp_path: Path, trials: list[list[Event]], told: str) -> None:
    study = study_of(tmp_path, *trials)
    num = f"{len(trials)} trial{'s' if trials[1:] else ''}"
    found = caption([study], [study.trials()])
    assert found.startswith(f"Study s: {num}.") and found.endswith(told), found


def test_a_caption_gives_no_trial_what_another_one_has(tmp_path: Path) -> None:
    study = study_of(tmp_path, A, A, A, axis="model", values=("dense", "cnn", "vit"))
    directory = StudyFiles(Path(study.facts["directory"]))
    for number, size in enumerate(("base", "base", "tiny")):
        config = {"model": {"size": size}, "trainer": {"max_epochs": 3}, "data": {"batch_size": 32 * (number or 1)}}
        directory.trial(number).config.write_text(json.dumps(config))
    trials = study.trials()
    assert "Fixed: trainer.max_epochs=3. " in caption([study], [trials])
    assert "Fixed: model.size=base, trainer.max_epochs=3, data.batch_size=32. " in caption([study], [trials[:2]])
    chosen = [[("attempt", {**A[0][1], "choices": {"data": data}})] for data in "ab"]
    study = study_of(tmp_path, *chosen, axis="experiment", values=("x", "y"), name="t")
    trials = study.trials()
    assert "Fixed" not in caption([study], [trials]) and "Fixed: data=a, experiment=x." in caption(
        [study], [trials[:1]]
    )


def test_a_caption_of_several_studies_says_whose_each_value_is(tmp_path: Path) -> None:
    studies = [study_of(tmp_path, A, name="p"), study_of(tmp_path, B, name="q")]
    for study, size in zip(studies, ("base", "tiny"), strict=True):
        config = {"model": {"size": size}, "trainer": {"max_epochs": 3}}
        StudyFiles(Path(study.facts["directory"])).trial(0).config.write_text(json.dumps(config))
    assert caption(studies, [study.trials() for study in studies]) == (
        "Studies p, q: 2 trials. Fixed: x=0, trainer.max_epochs=3; p: model.size=base; q: model.size=tiny."
        " Program: p: app.py at commit 111111111111; q: app.py at commit 222222222222."
        " Versions: python 3.11, torch 2.1. Device: a cpu."
    )


def test_the_best_trial_says_which_code_ran_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, A + B, A)
    files = StudyFiles(Path(study.facts["directory"]))
    at = "app.py at commit 111111111111, then app.py at commit 222222222222"
    assert f"code:       {at}, {OF_A}, then {OF_B}" in told_best(study)
    keep_best(study, files)
    assert yaml.safe_load(files.best.read_text())["best"][0]["code"] == f"{OF_A}, then {OF_B}"
    unknown = study_of(tmp_path, attempt("", "1" * 40), [], name="unknown")
    assert "code:       app.py at commit 111111111111" in told_best(unknown)
    keep_best(unknown, files)
    assert "code" not in yaml.safe_load(files.best.read_text())["best"][0]


def test_a_summary_names_the_trials_of_other_code_than_there_is_now(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    now = digest_of(tmp_path / "app.py")
    study = study_of(tmp_path, attempt(now), attempt("bbbb", net="1"), attempt(now) + attempt("bbbb"), attempt(""))
    rest = "ran other code than there is now"
    new = "A new study.name trains them with it."
    assert other_code(study, study.trials(), str(tmp_path)) == f"Code:    trials 1, 2 {rest} (app.py, net.py). {new}"
    assert other_code(study, study.trials()[1:3], str(tmp_path)).startswith(
        f"Code:    All trials {rest} (app.py, net.py)"
    )
    assert other_code(study, study.trials()[:1], str(tmp_path)) == other_code(study, study.trials(), "") == ""
    failed = [replace(trial, state="failed") for trial in study.trials()]
    assert other_code(study, failed, str(tmp_path)) == ""
    (tmp_path / "app.py").unlink()
    assert other_code(study, study.trials()[:1], str(tmp_path)) == f"Code:    All trials {rest} (app.py). {new}"
