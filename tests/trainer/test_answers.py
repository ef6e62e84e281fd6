"""What a user of own constructors is told who has forgotten a word."""

import importlib
import sys
from subprocess import CompletedProcess

import pytest

from tests.conftest import REPOSITORY, Commands
from tests.trainer.runs import command_in_fork
from trainer_pkg import train, trusted

OWN = """
from trainer_pkg.losses.balancers import FixedWeights
from trainer_pkg.nets.dense import Dense


class Mine(FixedWeights):
    def __init__(self, weights=None):
        super().__init__(weights or {"digit": 1.0})


class Net(Dense):
    pass
"""


@pytest.fixture
def own(commands: Commands) -> Commands:
    (commands.folder / "my_pkg").mkdir()
    (commands.folder / "my_pkg/__init__.py").touch()
    (commands.folder / "my_pkg/parts.py").write_text(OWN)
    commands.environment |= {"PYTHONPATH": f"{commands.folder}:{REPOSITORY}", "SWEEPS_TRUSTED": "my_pkg.*"}
    return commands


LINE = ("model=dense", "trainer.max_epochs=1")
BALANCER = "+model.balancer={_target_: my_pkg.parts.Mine}"


def refusal(commands: Commands, result: CompletedProcess[str]) -> str:
    assert result.returncode == 2, result
    (line,) = result.stderr.splitlines()
    assert set(commands.made()) - {"__pycache__"} == {"my_pkg"}
    return line


def in_fork(commands: Commands, *arguments: str) -> CompletedProcess[str]:
    """The command in a fork, where it reads anew what is trusted, and finds the package as by PYTHONPATH."""

    def main() -> None:
        sys.path.insert(0, str(commands.folder))
        importlib.reload(trusted)
        importlib.reload(train).main()

    names = ("SWEEPS_DATA_DIR", "SWEEPS_TRUSTED")
    environment = {name: commands.environment[name] for name in names}
    return command_in_fork(commands.folder, *arguments, main=main, **environment)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((BALANCER,), "my_pkg.parts.Mine is built later, for the data. Say so: +model.balancer._partial_=true."),
        (("model.net._target_=my_pkg.parts.Net", "model.net._partial_=false"), "my_pkg.parts.Net is built later"),
        (("~model.optimizer._partial_",), "model.optimizer: torch.optim.Adam is built later"),
        (("model/adapter=null",), "model/adapter=null: a group takes an option; ~model/adapter leaves it out."),
    ],
)  # fmt: skip
def test_a_forgotten_word_is_one_line(own: Commands, arguments: tuple[str, ...], expected: str) -> None:
    assert expected in refusal(own, in_fork(own, *LINE, *arguments))
    assert expected in refusal(own, in_fork(own, "-m", "seed=0,1", "tracking.uri=null", *LINE, *arguments))


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        ("my_pkg", "SWEEPS_TRUSTED=my_pkg trusts that name alone; my_pkg.* trusts what is in it."),
        ("other.*,my_pkg.parts", "my_pkg.parts trusts that name alone; my_pkg.parts.* trusts what is in it."),
        ("my_pkg.* other.*", "='my_pkg.* other.*' is no list of names with commas: NAME,PACKAGE.* is one."),
        ("*", "SWEEPS_TRUSTED='*' is no list of names with commas: NAME,PACKAGE.* is one."),
        (" ", "SWEEPS_TRUSTED=' ' is no list of names with commas: NAME,PACKAGE.* is one."),
        ("other.*", "my_pkg.parts.Mine is no trusted constructor. SWEEPS_TRUSTED=NAME,PACKAGE.* trusts your own."),
    ],
)  # fmt: skip
def test_a_variable_that_trusts_nothing_says_so(own: Commands, trusted: str, expected: str) -> None:
    own.environment["SWEEPS_TRUSTED"] = trusted
    assert refusal(own, own.run("train", *LINE, BALANCER)).endswith(expected)


def test_a_key_of_some_options_is_answered_with_the_rule_that_says_so(commands: Commands) -> None:
    line = ("-m", "model=dense,vit", "model.net.patch=2,4", "tracking.uri=null")
    done = command_in_fork(commands.folder, *line, SWEEPS_DATA_DIR=commands.environment["SWEEPS_DATA_DIR"])
    assert (done.returncode, commands.made()) == (2, [])
    assert done.stderr.endswith(
        " If only some of model=dense,vit have it, say which, as in 'study.when={model.net.patch: {model: [NAME]}}'.\n"
    )
