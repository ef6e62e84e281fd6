"""Every command of docs/running.md is run."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.pages import Page, shell

PAGE = Page(REPOSITORY / "docs" / "running.md")
EXPECTED = {
    "Limits": [
        "Limit:   study.max_trials=2: 2 trials have ended. 2 points are left. The same line with",
        "The study had ended, and goes on: study.max_trials=2: 2 trials have ended.",
        "[4/4] trial",
        "Limit:   study.terminator: it says that more trials would not help.",
    ],
    "Stop, pause, resume": [
        "halted: trial 3 was open, it is not run. `sweeps retry --trial 3 halted` brings it back.",
        "halted: its workers hand their trials back and end. 0 trials done, 2 running, 1 open.",
        "Stopped: sweeps stop, by ",
        "3 points are left. The same line goes on.",
        "skipped",
    ],
    "Tasks of milliseconds": ["Study short: 40 trials.", "[40/40] trial ", "Best:    trial 0, loss=0 (minimize)"],
    "Be told": ['"event": "improved"', '"text": "told: trial 1 is the best so far', '"event": "done"'],
    "What you see": ["Study watched: 3 trials", "[3/3] trial ", "3 of 3 done, 0:"],
}
"""What the commands of a section print, in this order."""


def test_every_section_with_commands_is_run() -> None:
    assert {block.section for block in PAGE.blocks if block.language == "sh"} == set(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("section", EXPECTED)
def test_the_commands_of_a_section_do_what_it_says(section: str, tmp_path: Path) -> None:
    for name, body in PAGE.files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(body)
    blocks = [block.body for block in PAGE.blocks if (block.language, block.section) == ("sh", section)]
    done = shell(f"exec 2>&1\nset -e\n{''.join(blocks)}", tmp_path, SWEEPS_REPORT="false", PYTHONPATH=str(REPOSITORY))
    assert done.returncode == 0, done.stdout
    at = -1
    for expected in EXPECTED[section]:
        at = done.stdout.find(expected, at + 1)
        assert at >= 0, f"{expected}\n{done.stdout}"
