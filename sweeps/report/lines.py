"""How points, trials and the progress of a study read in one line."""

import itertools
from collections.abc import Sequence

from sweeps.outcome import Completed, Failed, Pruned
from sweeps.output import counted, one_line
from sweeps.report.numbers import number_format
from sweeps.space import Point
from sweeps.study.records import GROUP, TrialRow
from sweeps.study.study import Study


def describe(point: Point | None) -> str:
    """What varies of a point, else all of it, and its role; empty while a sampler has not drawn it."""
    if point is None:
        return ""
    keys = point.varied or tuple(point.overrides)
    told = " ".join(f"{key}={point.overrides[key]}" for key in keys)
    return one_line(f"{told} ({point.role})" if point.role else told)


def aim(study: Study) -> str:
    """What the study is after: `Minimizes loss, maximizes acc`."""
    several = [f"value {i} of the task" for i in range(len(study.directions))]
    names = study.objectives or (several if several[1:] else ["what the task returns"])
    told = ", ".join(f"{way}s {name}" for name, way in zip(names, study.directions, strict=True))
    return f"{told[0].upper()}{told[1:]}"


def result(trial: TrialRow) -> str:
    """The values of a trial, or why it has none; empty where it has not ended."""
    match trial.outcome:
        case Completed(values=values):
            return ", ".join(f"{value:{number_format([value])}}" for value in values)
        case Failed(cause=cause, detail=detail):
            return one_line(f"{cause}: {detail}")
        case Pruned(values=values, why=why):
            told = ", ".join(f"{value:.6g}" for value in values)  # by the pruner, or by the task itself
            return one_line(why or (f"stopped at {told}" if told else "stopped without a value"))
    return ""


def ended_line(trial: TrialRow, num_done: int, num_trials: int) -> str:
    """A trial that has just ended: `[2/6] trial 1 completed x=3: 9.0000 in 1.5 s`."""
    line = f"[{num_done}/{num_trials}] trial {trial.number} {trial.state} {describe(trial.point)}"
    if text := result(trial):
        line += f": {text}"
    return f"{line} in {trial.outcome.duration_s:.1f} s" if isinstance(trial.outcome, Completed) else line


def live_cells(trial: TrialRow, objective: str | None) -> tuple[str, str, str, str, str]:
    """Number, state, epochs done, last value of the objective, and point; empty texts for what is not known yet."""
    metrics = trial.outcome.metrics if trial.outcome else trial.progress
    best = metrics.get(objective) if objective else None
    epoch = metrics.get("epoch")
    if trial.outcome and epoch is not None and not any(name.startswith("test/") for name in metrics):
        epoch += 1  # Lightning counts the epochs of a fit from 0; the test after it logs their number
    shown = "" if epoch is None else f"{epoch:.0f}", "" if best is None else f"{best:{number_format([best])}}"
    return str(trial.number), trial.state, *shown, " ".join(filter(None, (describe(trial.point), company(trial))))


def company(trial: TrialRow) -> str:
    """The other trials in the process of a trial that runs: `(with 1 and 2)`; empty where it has it for itself."""
    found = trial.progress.get(GROUP) if trial.state == "running" else None
    others = [str(number) for number in found or () if number != trial.number]
    if not others:
        return ""
    return f"(with {' and '.join([', '.join(others[:-1]), others[-1]] if others[1:] else others)})"


Drawn = tuple[frozenset[int], int]
"""Of a search: numbers of the trials that it has drawn, and how many are to come."""

_NONE: Drawn = (frozenset(), 0)


def preview_lines(
    name: str,
    points: Sequence[Point],
    trials: Sequence[TrialRow],
    num_points: int,
    drawn: Drawn = _NONE,
) -> list[str]:
    """The trials that a command would run, one per line, and what they would cost.

    Args:
        name: The study's name.
        points: The points of a grid; empty where a sampler draws them.
        trials: What the study has already.
        num_points: Trials that the command asks for.
        drawn: Of a search: what it has drawn.
    """
    if not points:
        return _drawn_lines(name, [trial for trial in trials if trial.number in drawn[0]], drawn[1])
    known = {_same(trial.point): trial for trial in trials if trial.point and trial.is_current}
    listed = numbered(points, trials)
    num_new = sum(state == "new" for _, state, _ in listed)
    estimate = _estimate(num_new, list(known.values()))
    return [
        *(f"{number:4d}  {state:9}  {describe(point)}" for number, state, point in listed),
        f"Study {name}: {counted(len(points), 'trial')}, {num_new} of them new{estimate}. Nothing was started.",
    ]


def numbered(points: Sequence[Point], trials: Sequence[TrialRow]) -> list[tuple[int, str, Point]]:
    """Number and state of the trial of each point: the one that the study has, or a `new` one."""
    known = {_same(trial.point): trial for trial in trials if trial.point and trial.is_current}
    free = itertools.count(max((trial.number for trial in trials), default=-1) + 1)
    found = [(point, known.get(_same(point))) for point in points]
    return [(trial.number, trial.state, point) if trial else (next(free), "new", point) for point, trial in found]


def _drawn_lines(name: str, drawn: Sequence[TrialRow], num_new: int) -> list[str]:
    """The same of a search: the points that it has drawn so far, and how many trials are to come."""
    new = f"{num_new} of them to be drawn{_estimate(num_new, drawn)}" if num_new else "all of them drawn"
    return [
        *(f"{trial.number:4d}  {trial.state:9}  {describe(trial.point)}" for trial in drawn),
        f"Study {name}: {counted(len(drawn) + num_new, 'trial')}, {new}. Nothing was started.",
    ]


def left_out_line(study: str, trials: Sequence[TrialRow]) -> str:
    """Says that a table has not all trials of a study; empty where it has."""
    num_earlier = sum(not trial.is_current for trial in trials)
    if not num_earlier:
        return ""
    what = "1 trial is" if num_earlier == 1 else f"{num_earlier} trials are"
    return f"{what} of an earlier configuration and not in the table; `sweeps show {study}` lists all."


def _same(point: Point) -> str:
    """Equal for points that compose to one configuration."""
    return point.identity or point.key


def duration(seconds: float) -> str:
    """`m:ss`, or `h:mm:ss` from one hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _estimate(num_new: int, trials: Sequence[TrialRow]) -> str:
    """Time of the new trials if each takes as long as the completed ones took on average."""
    done_s = [trial.outcome.duration_s for trial in trials if isinstance(trial.outcome, Completed)]
    return f", about {duration(num_new * sum(done_s) / len(done_s))} of compute" if done_s and num_new else ""
