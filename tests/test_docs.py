"""The pages: how wide they are, whether docs/migrating.md is true, and whether networks of other packages train."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import execution_whitelist
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.checked import study_settings
from sweeps.errors import StudyError
from tests.conftest import REPOSITORY, Commands, lines
from trainer_pkg.assemble import make_data, make_module
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.preflight.renamed import OPTIONS, spelling_here
from trainer_pkg.trusted import WHITELIST

CONFIGS = str(REPOSITORY / "configs")
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / name for name in ("README.md", "DESIGN.md", "CHANGELOG.md")] + sorted(DOCS.glob("*.md"))
PAGES += [DOCS / "studies" / f"{study}.md" for study in ("mnist", "qm9")]
NUM_COLUMNS = 120


def rows(heading: str) -> list[tuple[str, str]]:
    section = (DOCS / "migrating.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(cell[0].strip(), cell[1].strip()) for cell in cells[1:]]


COMMANDS = [
    command
    for heading in ("Commands", "Make targets")
    for _, here in rows(heading)
    for command in re.findall("`([^`]+)`", here)
]


def prose(text: str) -> list[tuple[int, str]]:
    """Number and text of each line of a page, except rows of tables and commands, which cannot be broken."""
    kept, fence = [], ""
    for number, line in enumerate(text.splitlines(), start=1):
        if opening := re.match(r" *```(\w*)", line):
            fence = "" if fence else opening[1] or "text"
        is_command = fence == "sh" or re.match(r" {4,}(train|evaluate|sweeps|make|python) ", line)
        if not is_command and not line.startswith("|"):
            kept.append((number, line))
    return kept


def overrides_of(command: str) -> list[str]:
    """What composes one point of the line: of each list of values the first one."""
    given = [argument for argument in shlex.split(command)[1:] if not argument.startswith("-") and "=" in argument]
    first = [re.sub(r"^([^=\[(]+)=([^,\[({]+),.*", r"\1=\2", argument) for argument in given]
    return [re.sub(r"=tag\(.*", "=0.01", argument) for argument in first]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_as_narrow_as_the_code(page: Path) -> None:
    wide = [f"{page.name}:{number}" for number, line in prose(page.read_text()) if len(line) > NUM_COLUMNS]
    assert not wide, f"More than {NUM_COLUMNS} columns: {', '.join(wide)}"


def test_only_rows_of_tables_and_commands_may_be_wide() -> None:
    page = "a\n| row |\n```sh\nls\n```\n```yaml\nkey: 1\n```\n    train -m x=1\n    train.py\nb"
    assert [line for _, line in prose(page)] == ["a", "```", "```yaml", "key: 1", "```", "    train.py", "b"]


def test_the_config_of_a_study_names_every_sampler() -> None:
    [comment] = re.findall(r"^sampler:.*# (.*);", (REPOSITORY / "configs/study/default.yaml").read_text(), re.MULTILINE)
    with pytest.raises(StudyError) as refused:
        study_settings(OmegaConf.create({"study": {"sampler": "none"}}))
    assert f"Known: {comment.replace(' | ', ', ')}." in str(refused.value)


def test_no_table_of_a_page_is_cut_in_two() -> None:
    for page in PAGES:
        for table in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
            assert re.match(r".*\n\|[-:| ]+\|\n", table), f"{page.name}: no header above {table.splitlines()[0]}"


def test_the_tables_are_read_whole() -> None:
    assert len(rows("Commands")) > 45 and len(rows("Make targets")) > 15 and len(rows("Old names")) == 10
    assert {command.split()[0] for command in COMMANDS} == {"train", "evaluate", "make"}


@pytest.mark.parametrize("command", sorted({command for command in COMMANDS if command.startswith("train")}))
def test_a_command_of_the_table_builds_data_and_network(command: str, tmp_path: Path) -> None:
    register_models()
    with initialize_config_dir(CONFIGS), execution_whitelist(WHITELIST):
        cfg = compose("train", overrides=["paths.output_dir=.", f"paths.data_dir={tmp_path}", *overrides_of(command)])
        if "FOLDER" in command:
            return
        make_module(cfg, make_data(cfg))


@pytest.mark.parametrize("command", sorted({command for command in COMMANDS if command.startswith("make")}))
def test_a_target_of_the_table_is_in_the_makefile(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("written", "expected"), rows("Old names"))
def test_a_name_of_the_table_is_answered(
    written: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    register_models()
    given = [argument for argument in shlex.split(written.strip("`"))[1:] if "=" in argument]
    with (
        initialize_config_dir(CONFIGS),
        execution_whitelist(WHITELIST),
        pytest.raises((HydraException, OmegaConfBaseException)) as caught,
    ):
        check(compose("train", overrides=[f"paths.data_dir={tmp_path}/data", *overrides_of(written.strip("`"))]))
    assert (spelling_here(given) or one_line(caught.value)).startswith(expected.replace("`", ""))


@pytest.mark.parametrize("spelling", sorted(set(OPTIONS.values())))
def test_every_spelling_that_is_answered_composes(spelling: str) -> None:
    register_models()
    with initialize_config_dir(CONFIGS), execution_whitelist(WHITELIST):
        compose("train", overrides=spelling.split())


def test_no_name_that_is_answered_is_an_option_here() -> None:
    for name in OPTIONS:
        group, option = name.split("=")
        folder = "model/backbone" if group == "model" else group
        assert not (REPOSITORY / "configs" / folder / f"{option}.yaml").exists(), name


def test_the_program_answers(commands: Commands) -> None:
    done = commands.run("train", "-m", "model=mnist_sdn_8k,mnist_cnn_421k")
    assert (done.returncode, lines(done.stderr)) == (
        2,
        ["Error: model=mnist_sdn_8k is spelled model=dense model.size=tiny here."],
    )
    assert commands.made() == []


def test_a_network_of_another_package_needs_its_users_trust(commands: Commands) -> None:
    page = (REPOSITORY / "README.md").read_text()
    [module] = re.findall(r"```python trainer_pkg/nets/linear.py\n(.*?)```", page, re.DOTALL)
    [config] = re.findall(r"```yaml configs/model/backbone/linear.yaml\n(.*?)```", page, re.DOTALL)
    for path, text in (("my_package/linear.py", module), ("my_configs/model/backbone/linear.yaml", config)):
        (commands.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (commands.folder / path).write_text(text.replace("trainer_pkg.nets.linear", "my_package.linear"))
    [written] = re.findall(r"```sh own\n(.*)\n", page)
    words = shlex.split(written)
    line = (*words[words.index("train") + 1 :], "trainer.max_epochs=1")
    trust, *path = (word.split("=", 1) for word in words[: words.index("train")])
    commands.environment.update(path)
    refused = commands.run("train", *line)
    assert refused.returncode == 2 and len(lines(refused.stderr)) == 1, refused.stderr
    commands.environment.update([trust])
    done = commands.run("train", *line)
    assert done.returncode == 0, done.stderr
