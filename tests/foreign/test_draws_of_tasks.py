"""What a task draws that seeds nothing is its trial's own; what its script has seeded is the same in all, as alone."""

from pathlib import Path

import pytest

from tests.foreign.runs import Application

pytestmark = pytest.mark.long


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_trials_that_seed_nothing_draw_other_numbers(isolation: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "draws")
    lines = app.study("+x=1,2,3,4", f"+study.isolation={isolation}", "+study.slots=1")
    for drawn in zip(*(line.split() for line in lines), strict=True):  # of one generator
        assert len(set(drawn)) == 4


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_what_the_script_has_seeded_is_what_a_run_alone_draws(isolation: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "draws", SEEDS="1")
    lines = app.study("+x=1,2,3", f"+study.isolation={isolation}", "+study.slots=1")
    app.run("+x=1")
    [alone] = (tmp_path / "results.txt").read_text().splitlines()
    assert lines == [alone] * 3
