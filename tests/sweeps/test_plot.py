"""`sweeps plot`: a file, or one line that says what there is instead."""

from pathlib import Path

import pytest

from sweeps.cli import main
from sweeps.cli.drawing import KINDS
from sweeps.report import drawn
from sweeps.report.pictures import PICTURES
from sweeps.trial.journal import Journal
from tests.studies import run_in


def test_the_help_names_every_kind() -> None:
    assert tuple(PICTURES) == KINDS


def plot(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    line = ["sweeps", "plot", "s", *arguments, "--storage", f"sqlite:///{folder}/studies/studies.db"]
    monkeypatch.setattr("sys.argv", line)
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def with_curves(folder: Path) -> Path:
    run_in(folder, "s", model=["dense", "cnn"], lr=["0.1", "0.2"], seed=["0", "1", "2"])
    for number in range(12):
        journal = Journal(folder / "studies" / "s" / "trials" / f"{number:03d}")
        for step in range(3):
            journal.log({"val/acc": step / (number + 1)}, step)
    return folder


def test_a_picture_is_written_in_the_format_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_curves(tmp_path)
    for kind, name, start in (
        ("curves", "a.pdf", b"%PDF"),
        ("effects", "b/c.png", b"\x89PNG"),
        ("parallel", "d.svg", b"<?xml"),
    ):
        assert plot(monkeypatch, tmp_path, kind, "--out", str(tmp_path / name)) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{tmp_path}/a.pdf: val/acc."
    assert told[1] == f"{tmp_path}/b/c.png: acc against lr. Others, by --metric or --key: test/acc against lr."


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["curve", "--out", "x.pdf"], "There is no picture 'curve'. Pictures: "),
        (["curves", "--out", "x.jpg"], "--out=x.jpg: a picture is written as .pdf, .svg, .png."),
        (["curves"], "Missing option '--out'."),
        (["effects", "--out", "x.pdf", "--metric", "acd"], "--metric=acd was recorded by no trial. Recorded: "),
        (["effects", "--out", "x.pdf", "--key", "model"], "--key=model is on no axis of effects. Keys: lr."),
        (["pareto", "--out", "x.pdf"], "pareto: there is nothing to draw. It takes two metrics of known direction"),
    ],
)
def test_a_wrong_word_is_one_line_and_no_file(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_curves(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert plot(monkeypatch, tmp_path, *arguments) == 2
    assert capsys.readouterr().err.startswith(f"Error: {told}") and not list(tmp_path.glob("x.*"))


def test_without_the_extra_one_line_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawn, "find_spec", lambda name: None)
    assert plot(monkeypatch, tmp_path, "curves", "--out", "x.pdf") == 2
    assert capsys.readouterr().err == "Error: matplotlib is not installed: pip install 'hydra-sweeps[report]'.\n"


def test_the_page_goes_to_the_folder_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_curves(tmp_path)
    assert report(monkeypatch, tmp_path, "s") == 0
    path = tmp_path / "studies" / "s" / "report.html"
    assert capsys.readouterr().out == f"{path}\n" and "Learning curves" in path.read_text()
    run_in(tmp_path, "t")
    assert report(monkeypatch, tmp_path, "s", "t") == 2
    assert capsys.readouterr().err.startswith("Error: The page of several studies has no folder of its own: --out=FILE")
    assert report(monkeypatch, tmp_path, "s", "t", "--out", str(tmp_path / "both.html")) == 0
    assert "Studies s, t" in (tmp_path / "both.html").read_text()


def report(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    line = ["sweeps", "report", *arguments, "--storage", f"sqlite:///{folder}/studies/studies.db"]
    monkeypatch.setattr("sys.argv", line)
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)
