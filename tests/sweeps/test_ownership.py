from pathlib import Path

from sweeps import redact
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.ownership import is_own, own_study, own_trial, study_files

FIRST, SECOND = "a" * 32, "b" * 32


def test_a_new_study_has_the_folder_of_its_name(tmp_path: Path) -> None:
    assert study_files(tmp_path, "s", FIRST).directory == tmp_path / "s"


def test_another_study_of_the_name_lies_beside_it(tmp_path: Path) -> None:
    first = study_files(tmp_path, "s", FIRST)
    own_study(first, "s", FIRST)
    second = study_files(tmp_path, "s", SECOND)
    assert second.directory == tmp_path / "s~bbbbbbbb"
    own_study(second, "s", SECOND)
    assert study_files(tmp_path, "s", FIRST) == first and study_files(tmp_path, "s", SECOND) == second


def test_a_folder_of_an_earlier_version_is_its_own_studys_and_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "s" / "trials").mkdir(parents=True)
    assert study_files(tmp_path, "s", FIRST, recorded=str(tmp_path / "s")).directory == tmp_path / "s"
    assert study_files(tmp_path, "s", SECOND).directory == tmp_path / "s~bbbbbbbb"


def test_a_log_that_is_set_aside_has_no_secret(tmp_path: Path) -> None:
    redact.learn_variables({"ASIDE_TOKEN": "value-set-aside"})
    files = TrialFiles(tmp_path / "000")
    assert own_trial(files, "p1") is None
    files.log.write_text("printed by a program: value-set-aside\n")
    moved = own_trial(files, "p2")
    assert moved is not None and TrialFiles(moved).log.read_text() == "printed by a program: ***\n"


def test_the_directory_of_another_point_is_set_aside_whole(tmp_path: Path) -> None:
    files = TrialFiles(tmp_path / "000")
    assert own_trial(files, "p1") is None and own_trial(files, "p1") is None
    files.journal.write_text("of p1")
    assert is_own(files, "p1") and not is_own(files, "p2")
    moved = own_trial(files, "p2")
    assert moved == tmp_path / "000.other-1" and TrialFiles(moved).journal.read_text() == "of p1"
    assert is_own(files, "p2") and not files.journal.exists()
    assert own_trial(files, "p1") == tmp_path / "000.other-2"


def test_an_owner_that_cannot_be_read_owns_nothing(tmp_path: Path) -> None:
    files = StudyFiles(tmp_path / "s")
    files.trials.mkdir(parents=True)
    files.owner.write_text("{broken")
    assert study_files(tmp_path, "s", FIRST).directory == tmp_path / "s~aaaaaaaa"


def test_a_trial_that_is_sent_back_to_its_beginning_finds_an_empty_directory(tmp_path: Path) -> None:
    files = TrialFiles(tmp_path / "000")
    assert own_trial(files, "p1") is None
    files.journal.write_text("old\n")
    assert own_trial(files, "p1", 1) == tmp_path / "000.other-1" and not files.journal.exists()
    assert own_trial(files, "p1", 1) is None and is_own(files, "p1")
    assert own_trial(files, "p1", 2) == tmp_path / "000.other-2"
    assert (tmp_path / "000.other-1" / files.journal.name).read_text() == "old\n"
