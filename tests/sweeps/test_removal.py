"""What `sweeps delete` takes, and what it leaves alone."""

import os
import re
import shlex
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.errors import StudyError
from sweeps.removal import Removal
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from tests.conftest import Commands
from tests.mlflow_server import Server
from tests.studies import run_in


def tracked(folder: Path, name: str, server: Server) -> Study:
    study = run_in(folder, name, uri=server.uri)
    sync(study, connect(study, server.uri, name[:1]), StudyFiles(folder / "studies" / name))
    return study


def runs_of(server: Server, experiment: str) -> list[str]:
    """The study of each run that is there."""
    client = MlflowClient(server.uri)
    found = client.get_experiment_by_name(experiment)
    return sorted(run.data.tags["study"] for run in client.search_runs([found.experiment_id])) if found else []


def views_of(server: Server, experiment: str) -> set[str]:
    tags = MlflowClient(server.uri).get_experiment_by_name(experiment).tags
    return {name.rpartition(".")[2] for name in tags if name.startswith("mlflow.sharedViewState.")}


def names(folder: Path) -> list[str]:
    return Database(f"sqlite:///{folder}/studies/studies.db").study_names()


def deleted(commands: Commands, *arguments: str) -> tuple[int, list[str], list[str]]:
    done = commands.run("sweeps", "delete", *arguments)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_all_of_a_study_goes_and_all_of_its_neighbour_stays(commands: Commands, server: Server) -> None:
    study, other = tracked(commands.folder, "da", server), tracked(commands.folder, "db", server)
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("d").experiment_id
    client.create_run(experiment, tags={"run_role": "superseded", "study_key": study.facts["key"], "study": "da"})
    assert runs_of(server, "d") == ["da"] * 6 + ["db"] * 5
    code, out, err = deleted(commands, "da", "--yes", "--storage", "studies")
    assert (code, err) == (0, []) and out == [
        f"da: 4 trials deleted, and {commands.folder}/studies/da.",
        f"6 runs deleted in MLflow ({server.uri}); `mlflow gc` frees their space.",
    ]
    assert runs_of(server, "d") == ["db"] * 5 and names(commands.folder) == ["db"]
    assert views_of(server, "d") == {"sweeps-studies", f"sweeps-{other.facts['key']}"}
    assert not (commands.folder / "studies/da").exists() and (commands.folder / "studies/db/trials/003").is_dir()


@pytest.mark.long
def test_what_a_server_that_is_down_has_kept_the_told_command_deletes(commands: Commands, server: Server) -> None:
    tracked(commands.folder, "e", server)
    down = "http://127.0.0.1:9"
    code, out, err = deleted(commands, "e", "--yes", "--storage", "studies", "--tracking", down)
    assert (code, err, names(commands.folder)) == (1, [], []) and not (commands.folder / "studies/e").exists()
    assert out[0] == f"e: 4 trials deleted, and {commands.folder}/studies/e."
    told = r"^Its runs stay, as MLflow does not answer: Connection refused\. Later: sweeps (.*)$"
    (later,) = re.findall(told, out[1])
    assert runs_of(server, "e") == ["e"] * 5
    line = shlex.split(later.replace(down, server.uri))
    done = commands.run("sweeps", *line)
    assert done.stdout == f"5 runs deleted in MLflow ({server.uri}); `mlflow gc` frees their space.\n", done.stderr
    assert done.returncode == 0 and runs_of(server, "e") == [] and views_of(server, "e") == {"sweeps-studies"}
    again = commands.run("sweeps", *line)
    assert (again.returncode, again.stdout) == (0, f"0 runs deleted in MLflow ({server.uri}).\n")
    wrong = commands.run("sweeps", "delete", "e", "--runs-of", "' or 1=1")
    assert wrong.returncode == 2 and wrong.stderr.startswith("Error: --runs-of=' or 1=1 is no key of a study")


def test_the_question_names_everything_and_no_is_the_answer_of_silence(commands: Commands) -> None:
    own = f"sqlite:///{commands.folder}/mlflow.db"
    run_in(commands.folder, "s", uri=own, model=["vit"])
    code, out, _ = deleted(commands, "s", "--storage", "studies")
    asked = f"Delete study s: its 1 trials, {commands.folder}/studies/s, its runs in MLflow ({own})? [y/N]: "
    assert code == 1 and out == [asked, "Nothing was deleted. --yes deletes without asking."]
    assert names(commands.folder) == ["s"] and (commands.folder / "studies/s/trials/000").is_dir()
    code, out, _ = deleted(commands, "s", "--storage", "studies", "--keep-runs", "--yes")
    assert code == 0 and out == [f"s: 1 trials deleted, and {commands.folder}/studies/s.", "Its runs in MLflow stay."]
    assert not (commands.folder / "mlflow.db").exists()


def test_a_study_that_runs_is_refused_before_the_question(commands: Commands) -> None:
    study = run_in(commands.folder, "s", model=["vit"])
    study.add(run_in(commands.folder, "t", model=["cnn"]).trials()[0].point for _ in range(1))  # type: ignore[misc]
    assert study.claim("somebody", None) is not None
    code, out, err = deleted(commands, "s", "--storage", "studies")
    told = "Error: Study 's': trial 1 is running in worker somebody. Stop that worker first."
    assert (code, out, err) == (2, [], [told])
    assert (commands.folder / "studies/s/trials/000").is_dir()


def outside(folder: Path) -> Path:
    """A folder that is no study's."""
    kept = folder / "outside"
    kept.mkdir()
    (kept / "thesis.tex").write_text("years of work")
    return kept


def carried_out(study: Study) -> list[str]:
    return Removal(study=study, tracking=("", "")).carry_out()[0]


def test_what_links_in_a_study_lead_to_stays(tmp_path: Path) -> None:
    study, kept = run_in(tmp_path, "s"), outside(tmp_path)
    (tmp_path / "studies/s/trials/000/link").symlink_to(kept)
    (tmp_path / "studies/s/trials/001/hard.tex").hardlink_to(kept / "thesis.tex")
    assert carried_out(study) == [f"s: 4 trials deleted, and {tmp_path}/studies/s."]
    assert not (tmp_path / "studies/s").exists() and (kept / "thesis.tex").read_text() == "years of work"


def test_a_study_whose_directory_is_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    study = run_in(tmp_path, "s")
    directory = tmp_path / "studies/s"
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    told = f"{directory} stays: it is a link to {tmp_path}/elsewhere."
    assert carried_out(study) == ["s: 4 trials deleted.", told] and (tmp_path / "elsewhere/trials/003").is_dir()


@pytest.mark.parametrize(
    "path", ["{}/outside", "{}/studies/s/../../outside", "outside", "{}/studies/t", "{}", "/", "."]
)
def test_a_path_that_somebody_has_put_into_the_database_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    study, other, kept = run_in(tmp_path, "s"), run_in(tmp_path, "t"), outside(tmp_path)
    study.remember("directory", path.format(tmp_path))
    lines = carried_out(study)
    assert lines[0] == "s: 4 trials deleted." and lines[1].endswith("stays: it does not say that it is this study's.")
    assert (kept / "thesis.tex").exists() and (tmp_path / "studies/t/trials/003").is_dir() and len(other.trials()) == 4
    assert (tmp_path / "studies/s/trials/003").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_a_directory_that_cannot_be_removed_keeps_its_study(tmp_path: Path) -> None:
    study = run_in(tmp_path, "s")
    trials = tmp_path / "studies/s/trials"
    trials.chmod(0o500)
    with pytest.raises(StudyError, match=r"Permission denied\. The study is still there\."):
        carried_out(study)
    trials.chmod(0o700)
    assert names(tmp_path) == ["s"] and carried_out(study) == [f"s: 4 trials deleted, and {tmp_path}/studies/s."]
