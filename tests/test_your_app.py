"""Every block of docs/your-app.md is run, and what the page says of keys is true."""

import re
import shlex
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from sweeps.checked import study_settings
from sweeps.settings import StudySettings, TrackingSettings
from sweeps.spelling import SWEEPER_KEYS, TAKEN_KEYS
from sweeps.study.pruning import make_pruner
from sweeps.trial.handle import Trial
from tests.conftest import REPOSITORY, wait_for
from tests.pages import Page, environment, shell

pytestmark = pytest.mark.long

PAGE = Page(REPOSITORY / "docs" / "your-app.md")
SPECIAL = {"zen", "interrupted", "lightning", "postgres"}
SECTIONS = list(dict.fromkeys(block.section for block in PAGE.blocks if (block.language, block.name) == ("sh", "")))

EXPECTED = {
    "From nothing to a study": ["[6/6] trial ", "|      0.0625 |", "6 of them done"],
    "Choose the sweeper": ["Study short: 2 trials.", "sweeps://sweeps.conf", "Study structured: 2 trials."],
    "What the task returns": ["Maximizes test/acc.", "Study search: 6 trials.", "[6/6] trial "],
    "Report and prune": ["completed lr=0.1", "pruned lr=3", "pruned lr=4", "epoch 4: 0.300"],
    "Name the data, keep the model": ["[2/2] trial ", "is version 1 of model models: models:/models@champion"],
    "Repeat with other seeds": ["Study noisy: 6 trials.", " ± "],
    "Vary keys together": ["| baseline ", "[3/3] trial ", "Study paired: 4 trials, 3 of them done.", "[4/4] trial 3"],
    "Name a study and find it again": ["Study grows: 3 trials, 2 of them done.", "grows  "],
    "Tables and the best trial": ["Best:    trial 1, objective=0.125 (minimize):", "lr: 0.03"],
    "An application with its own `study` or `tracking`": ["Study cohorts: 4 trials."],
    "From Hydra's Optuna sweeper": ["Study theirs: 5 trials. Minimizes", "[5/5] trial "],
}
"""What the commands of a section print, in this order."""
SLOW = {"What the task returns", "Report and prune", "Name a study and find it again", "From Hydra's Optuna sweeper"}
"""What these show, shorter tests assert, too: foreign/test_returns, e2e/test_sweep, sweeps/test_spelling."""


def write(folder: Path, section: str | None = None) -> None:
    """The files of the page, up to a section."""
    for block in PAGE.blocks:
        if block.section == section:
            return
        if block.language != "sh":
            (folder / block.name).parent.mkdir(exist_ok=True)
            (folder / block.name).write_text(block.body)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database of runs for all sections: to make one takes a while."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def run(line: str, folder: Path, tracking: str) -> str:
    done = shell(line, folder, PYTHONPATH=str(REPOSITORY), MLFLOW_TRACKING_URI=tracking)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_is_of_a_kind_that_a_test_runs() -> None:
    assert PAGE.labels() == {"", *SPECIAL} and set(EXPECTED) == set(SECTIONS)
    assert {block.language for block in PAGE.blocks} == {"sh", "python", "yaml"}


@pytest.mark.parametrize(
    "section", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SECTIONS]
)
def test_the_blocks_of_a_section_run_as_written(section: str, tracking: str, tmp_path: Path) -> None:
    write(tmp_path, section)
    printed = ""
    for block in (block for block in PAGE.blocks if block.section == section and block.name not in SPECIAL):
        if block.language == "sh":
            printed += "".join(run(line, tmp_path, tracking) for line in block.lines)
        else:
            (tmp_path / block.name).parent.mkdir(exist_ok=True)
            (tmp_path / block.name).write_text(block.body)
    at = 0
    for text in EXPECTED[section]:
        at = printed.find(text, at)
        assert at >= 0, f"{text!r} is not in this, or not in its place:\n{printed}"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("hydra_zen") is None, reason="hydra-zen is not installed")
def test_the_application_of_hydra_zen_runs(tracking: str, tmp_path: Path) -> None:
    write(tmp_path)
    [line] = PAGE.commands("zen")
    assert "[2/2] trial " in run(line, tmp_path, tracking)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lightning") is None, reason="Lightning is not installed")
def test_the_fit_of_lightning_runs(tracking: str, tmp_path: Path) -> None:
    write(tmp_path)
    [line] = PAGE.commands("lightning")
    assert "[2/2] trial " in (printed := run(line, tmp_path, tracking)) and "val/loss |" in printed


@pytest.mark.slow
def test_an_interrupted_loop_continues(tracking: str, tmp_path: Path) -> None:
    write(tmp_path)
    [line] = PAGE.commands("interrupted")
    trials = tmp_path / "logs" / "studies" / "resumed" / "trials"
    first = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=tmp_path,
        env={**environment(REPOSITORY), "MLFLOW_TRACKING_URI": tracking},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: (trials / "000" / "state.json").exists())
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert "[2/2] trial " in run(line, tmp_path, tracking)
    journal = (trials / "000" / "journal.jsonl").read_text()
    steps = [int(step) for step in re.findall(r'"step": ?(\d+)', journal)]
    assert sorted(set(steps)) == list(range(1, 9)) and len(steps) == 8  # no epoch was trained twice
    assert yaml.safe_load((trials.parent / "best.yaml").read_text())


@pytest.mark.slow
def test_a_study_is_shared_by_postgresql(postgres_url: str, tracking: str, tmp_path: Path) -> None:
    write(tmp_path)
    export, first, second, table = PAGE.commands("postgres")
    assert export == "export SWEEPS_STORAGE=postgresql://me:secret@server/sweeps"
    place = f"export SWEEPS_STORAGE={shlex.quote(postgres_url)};"
    assert "[2/2] trial " in run(f"{place} {first}", tmp_path, tracking)
    assert "2 of them done" in run(f"{place} {second}", tmp_path, tracking)
    assert "0.1250" in run(f"{place} {table}", tmp_path, tracking)


def test_every_key_of_the_page_exists() -> None:
    for group, schema in (("study", StudySettings), ("tracking", TrackingSettings)):
        named = set(re.findall(rf"(?<![\w/.]){group}\.(\w+)", PAGE.text.replace("hydra.sweeper.", ""))) - {"KEY"}
        own = {"cohort", "site"}  # of the application that has its own
        assert named and not named - set(schema.__dataclass_fields__) - own, named
    handle = set(re.findall(r"trial(?:\(\))?\.(\w+)", PAGE.text)) - {"log"}
    assert len(handle) > 7 and all(hasattr(Trial, name) for name in handle), handle


def test_the_table_of_the_stock_sweeper_is_whole_and_true() -> None:
    section = PAGE.text.split("## From Hydra's Optuna sweeper")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert {key for key, told in rows.items() if told.startswith("works")} == {*TAKEN_KEYS, "params"}
    assert {key for key, told in rows.items() if told.startswith("answered")} == SWEEPER_KEYS.keys() - {"sampler"}
    for key, ours in TAKEN_KEYS.items():
        assert f"ours is `study.{ours}`" in rows[key]


@pytest.mark.parametrize("tool", ["Ray Tune", "W&B sweeps"])
def test_what_stands_for_another_tool_is_read_as_it_is_meant(tool: str) -> None:
    section = PAGE.text.split(f"## From {tool}\n")[1].split("\n## ")[0]
    ours = [row.split(" | ")[-1] for row in section.splitlines() if row.startswith("| ")]
    spans = [span for cell in ours for span in re.findall("`([^`]+)`", cell) if re.match(r"'?[\w.]+=", span)]
    parsed = OverridesParser.create().parse_overrides([word for span in spans for word in shlex.split(span)])
    assert len(parsed) > 7
    for override in parsed:
        group, _, key = override.key_or_group.partition(".")
        if group == "study":
            settings = study_settings(OmegaConf.create({"study": {key: override.value()}}))
            assert key != "pruner" or make_pruner(settings.pruner, ())
        else:
            assert group in ("x", "lr")
            assert override.is_sweep_override() or key
