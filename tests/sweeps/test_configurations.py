"""What becomes of the rows of a study when its configuration changes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.errors import StorageLost
from sweeps.parsing import parse
from sweeps.space import Point
from sweeps.study.requeue import Requeue
from sweeps.study.sampling import drawer
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.studies import done, url
from tests.sweeps.test_fuzz import NoGroups


def identify(suffix: str = "", changed: Sequence[str] = ()):  # type: ignore[no-untyped-def]
    """Composes a point: the suffix is in the configuration of those that have changed."""

    def of(point: Point) -> Point:
        x = point.overrides.get("x", "0")
        mark = suffix if x in changed else ""
        return replace(point, identity=f"{x}{mark}", cell=f"c{x}{mark}")

    return of


def study(folder: Path) -> Study:
    return Study.create(Database(url(folder)), "s", ["minimize"], {"objective": ["loss"]})


def command(folder: Path, *values: str, suffix: str = "", changed: Sequence[str] = ()) -> Study:
    """What a command does before it works."""
    found, of = study(folder), identify(suffix, changed)
    found.configure(found.compare(of))
    found.add([of(Point(overrides={"x": x}, varied=("x",))) for x in values])
    return found


def run(found: Study, *results: float) -> None:
    for value in results:
        claim = found.claim("w", None)
        assert claim is not None and found.tell(claim, done(value))


def states(found: Study) -> list[tuple[int | None, bool, str]]:
    return [(trial.configuration, trial.is_current, trial.state) for trial in found.trials()]


def test_a_point_that_has_changed_is_a_new_trial_and_the_old_one_stays(tmp_path: Path) -> None:
    run(command(tmp_path, "1", "2"), 1.0, 2.0)
    again = command(tmp_path, "1", "2", suffix="!", changed=("2",))
    assert states(again) == [(2, True, "completed"), (1, False, "completed"), (2, True, "open")]
    assert not again.is_finished()
    same = command(tmp_path, "1", "2", suffix="!", changed=("2",))
    assert len(same.trials()) == 3 and same.configuration == 2


def test_an_earlier_configuration_counts_again(tmp_path: Path) -> None:
    run(command(tmp_path, "1"), 1.0)
    run(command(tmp_path, "1", suffix="!", changed=("1",)), 2.0)
    back = command(tmp_path, "1")
    assert states(back) == [(3, True, "completed"), (2, False, "completed")] and back.is_finished()


def test_a_row_that_has_not_run_is_changed_in_its_place(tmp_path: Path) -> None:
    command(tmp_path, "1", "2")
    again = command(tmp_path, "1", "2", suffix="!", changed=("1", "2"))
    assert states(again) == [(2, True, "open")] * 2 and again.events() == []
    run(again, 1.0, 2.0)
    assert [trial.point.identity for trial in again.trials() if trial.point] == ["1!", "2!"]


def test_an_interrupted_row_begins_anew(tmp_path: Path) -> None:
    first = command(tmp_path, "1")
    claim = first.claim("w", None)
    assert claim is not None
    assert first.give_back(claim, 1.0, Requeue(what="handed back", reason="stopped"))
    again = command(tmp_path, "1", suffix="!", changed=("1",))
    claim = again.claim("w", None)
    assert claim is not None and (claim.attempt, claim.restarts, claim.point.identity) == (2, 1, "1!")


def test_a_worker_takes_rows_of_its_own_configuration_only(tmp_path: Path) -> None:
    early = command(tmp_path, "1", "2")
    claim = early.claim("early", None)
    late = command(tmp_path, "1", "2", suffix="!", changed=("1", "2"))
    assert early.claim("early", None) is None and not early.is_finished()  # its own trial runs
    assert claim is not None and early.tell(claim, done(1.0))
    assert early.is_finished() and not late.is_finished()
    run(late, 1.0, 2.0)
    assert late.is_finished() and states(late) == [
        (1, False, "completed"),
        (2, True, "completed"),
        (2, True, "completed"),
    ]


def test_a_worker_whose_rows_are_all_of_a_later_configuration_does_not_take_its_study_for_deleted(
    tmp_path: Path,
) -> None:
    early = command(tmp_path, "1")
    assert not early.is_finished()
    command(tmp_path, "1", suffix="!", changed=("1",))
    assert early.is_finished()
    study(tmp_path).delete()
    with pytest.raises(StorageLost, match="was deleted"):
        early.is_finished()


def test_points_of_the_version_before_are_known_by_their_overrides(tmp_path: Path) -> None:
    before = study(tmp_path)
    before.add([Point(overrides={"x": x}, varied=("x",)) for x in "12"])  # without an identity
    run(before, 1.0, 2.0)
    again = command(tmp_path, "1", "2", "3")
    assert states(again) == [(1, True, "completed"), (1, True, "completed"), (1, True, "open")]
    assert [trial.point.identity for trial in again.trials() if trial.point] == ["1", "2", "3"]


def test_a_changed_sampler_draws_as_many_again(tmp_path: Path) -> None:
    first = command(tmp_path)
    assert first.add_draws(3) == 3 and first.add_draws(3) == 0

    draws = drawer(parse(["x=1,2,3"], {}, NoGroups()), "random", 0, identify())
    for _ in range(2):
        claim = first.claim("w", draws)
        assert claim is not None and first.tell(claim, done(1.0))
    drawn = [trial.point.overrides["x"] for trial in first.trials() if trial.point]
    again = command(tmp_path, suffix="!", changed=drawn)
    assert again.add_draws(3) == 2 and again.add_draws(3) == 0
    assert [trial.is_current for trial in again.trials()] == [False, False, True, True, True]
