from pathlib import Path

from sweeps.trial.files import StudyFiles, TrialFiles


def test_a_study_keeps_each_trial_in_a_folder_of_its_number(tmp_path: Path) -> None:
    files = StudyFiles.of(tmp_path, "s")
    assert files.trial(7).journal == tmp_path / "s" / "trials" / "007" / "journal.jsonl"
    assert files.trial(12345).directory.name == "12345"


def test_a_relative_folder_is_that_of_the_moment(tmp_path: Path) -> None:
    assert StudyFiles.of("logs", "s").directory == Path.cwd() / "logs" / "s"


def test_the_log_of_a_worker_has_a_name_that_any_file_system_takes(tmp_path: Path) -> None:
    assert StudyFiles(tmp_path).worker_log("host:9b6c:12:cafe").name == "worker-host-9b6c-12-cafe.log"


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    files = TrialFiles(tmp_path)
    assert files.log_tail() == ""
    files.log.write_text("first\n" + "x" * 10_000 + "\nlast\n")
    assert files.log_tail().endswith("x\nlast") and len(files.log_tail()) < 4100
