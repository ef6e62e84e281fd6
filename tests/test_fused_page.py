"""docs/fused.md: its application runs, fused and apart, and gives the same; its preview is what is printed."""

from pathlib import Path

import pytest

from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import REPOSITORY, Commands
from tests.pages import Page, shell

pytestmark = pytest.mark.long

PAGE = Page(REPOSITORY / "docs" / "fused.md")
SHELL = [block.body for block in PAGE.blocks if block.language == "sh"]


def test_the_preview_of_the_page_is_printed(commands: Commands) -> None:
    [preview, _] = SHELL[0].splitlines()
    arguments = [*preview.split()[1:], "study.slots=2"]
    out = commands.run("train", *arguments).stdout
    [shown] = [block.body for block in PAGE.blocks if block.language == "text"]
    assert out.splitlines()[-5:] == shown.splitlines()


@pytest.mark.parametrize(
    ("model", "fuse", "said"),
    [
        ("dense", "auto", "Fused:     trials 0 to 2"),
        ("mlp", "auto", "Not fused: mlp was not measured to pay on a GPU"),
        ("mlp", "4", "Fused:     trials 0 to 2"),
    ],
)
def test_on_a_gpu_auto_fuses_what_was_measured_there(model: str, fuse: str, said: str, commands: Commands) -> None:
    commands.environment["CUDA_VISIBLE_DEVICES"] = "0"  # that is all that a preview looks at
    line = ("data=multihead_digits", f"model={model}", "model.loss_weights.thickness=0.1,0.2,0.5", "study.preview=true")
    out = commands.run("train", "-m", *line, f"study.fuse={fuse}").stdout.splitlines()
    assert out[-1] == said and (said.startswith("Fused") or out[-2] == "Fused:     none")


def test_the_application_of_the_page_gives_the_same_fused_and_apart(tmp_path: Path) -> None:
    for name, body in PAGE.files().items():
        if not name:
            continue  # what is printed
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(body)
    result = shell(SHELL[1], tmp_path)
    assert result.returncode == 0, result.stderr
    database = Database(f"sqlite:///{tmp_path}/logs/studies/studies.db")
    together, apart = (
        [getattr(row.outcome, "values", None) for row in Study(database, name).trials()]
        for name in ("together", "apart")
    )
    assert len(together) == 4 and together == [pytest.approx(values) for values in apart]
    log = (tmp_path / "logs/studies/together/trials/000/trial.log").read_text()
    assert log.startswith("Shares its process with 1, 2, 3")
