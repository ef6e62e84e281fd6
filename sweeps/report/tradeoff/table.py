"""The table of weightings: weights, a metric per task, their mean, gains, and which rows no other one beats."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sweeps.errors import StudyError, did_you_mean
from sweeps.report.arranged import Arrangement, arranged
from sweeps.report.averages import is_number
from sweeps.report.captions import caption
from sweeps.report.cells import Cells, cells_of
from sweeps.report.frame import trial_frame
from sweeps.report.statistics.fronts import front, hypervolume
from sweeps.report.statistics.tasks import skill
from sweeps.report.tables import Column, Spread, Table, benchmark_table
from sweeps.report.tradeoff.constants import known_constants
from sweeps.report.tradeoff.gains import GAIN, MEAN, Gains, Others, gain, gains_of
from sweeps.report.tradeoff.tasks import Task, tasks_of
from sweeps.study.study import Study

WORST, FRONT = "worst task", "front"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of a cell beyond the trials' own metrics.

    Attributes:
        others: The group that it is compared in.
        means: Name of each task to its mean over the seeds; NaN where it is not trained.
        is_whole: Whether all tasks have a value.
    """

    others: Others
    means: Mapping[str, float]
    is_whole: bool


def weights_table(study: Study, constants: Mapping[str, float], spread: Spread = "sd") -> Table:
    """The table of a study, by the mean of the tasks, the best first.

    Args:
        study: The study.
        constants: Metric to what the best constant answer reaches, 0 on the scale of the hypervolume. Of others it is
            the share of the most frequent class, where trials have left their counts.
        spread: What stands behind ±.

    Raises:
        StudyError: The study weighs no tasks, or no trial has ended.
    """
    trials = study.current_trials()
    frame = trial_frame(study, trials)
    gains = gains_of(frame, tasks_of(frame, study.name))
    metrics = [task.metric for task in gains.tasks]
    _check(constants, metrics)
    constants = {**known_constants(study, metrics), **constants}
    shown = [*metrics, *[MEAN] * gains.has_mean, *[GAIN] * gains.has_gain]
    made, cells = benchmark_table(gains.trials, shown, spread=spread), cells_of(gains.trials)
    if made is None or cells is None:
        raise StudyError(f"Study {study.name!r} has no trial yet that has ended.")
    rows = _rows(cells, gains)
    best = _on_front(rows, gains)
    kept = [column for column in made.columns if column.kind != "size"]
    columns = (*_named(kept, gains.tasks), *_more(rows, best, gains))
    found = replace(made, columns=columns, notes=(*made.notes, *_notes(rows, best, gains, constants)))
    order = next((name for name in (MEAN, GAIN) if name in shown), None)
    return replace(arranged(found, Arrangement(sort=order)) if order else found, caption=caption([study], [trials]))


def _check(constants: Mapping[str, float], metrics: Sequence[str]) -> None:
    if wrong := next((name for name in constants if name not in metrics), None):
        raise StudyError(f"--constant={wrong} is the metric of no task. Metrics: {did_you_mean(wrong, metrics)}")


def _rows(cells: Cells, gains: Gains) -> list[Row]:
    values = {
        task.name: cells.per_cell(cells.grouped(cells.done.metrics[task.metric]).mean()).tolist()
        for task in gains.tasks
    }
    found = []
    for i, overrides in enumerate(cells.first.overrides.to_dict("records")):
        means = {name: of_task[i] for name, of_task in values.items()}
        is_whole = all(map(is_number, means.values()))
        found.append(Row(others=gains.others(overrides), means=means, is_whole=is_whole))
    return found


def _on_front(rows: Sequence[Row], gains: Gains) -> set[int]:
    """Rows that train all tasks and that no other row of their group beats in all of them."""
    ways = [gains.trials.directions.get(task.metric, "") for task in gains.tasks]
    best: set[int] = set()
    if not all(ways):
        return best
    for others in dict.fromkeys(row.others for row in rows):
        own = [i for i, row in enumerate(rows) if row.others == others and row.is_whole]
        best |= {own[i] for i in front([list(rows[i].means.values()) for i in own], ways)}
    return best


def _named(columns: Sequence[Column], tasks: Sequence[Task]) -> Iterator[Column]:
    """The columns, those of weights under the name of their task where no other column is called so."""
    names = {task.weight: task.name for task in tasks}
    taken = {column.title for column in columns}
    for column in columns:
        name = names.get(column.title, "") if column.kind == "key" else ""
        yield replace(column, title=name) if name and name not in taken else column


def _more(rows: Sequence[Row], best: set[int], gains: Gains) -> Iterator[Column]:
    if gains.has_gain:
        yield Column(title=WORST, kind="key", values=tuple(_worst(row, gains) for row in rows))
    yield Column(title=FRONT, kind="key", values=tuple("yes" if i in best else "" for i in range(len(rows))))


def _worst(row: Row, gains: Gains) -> str:
    """The task that loses most over its single-task networks, or gains least."""
    base = gains.bases.get(row.others, {})
    found = {name: gain({name: value}, base, gains) for name, value in row.means.items()} if row.is_whole else {}
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    worst = min(known, key=lambda name: known[name], default=None)
    return f"{worst} {known[worst]:+.2f} %" if worst else ""


def _notes(rows: Sequence[Row], best: set[int], gains: Gains, constants: Mapping[str, float]) -> Iterator[str]:
    weighed = ", ".join(task.weight.lstrip("+") for task in gains.tasks if task.weight)
    metrics = ", ".join(task.metric for task in gains.tasks)
    yield f"Weights: {weighed}. A task of weight 0 is not trained: it has no value, and its row no mean or objective."
    is_of_test = gains.tasks[0].metric.startswith("test/")
    split = " They are of the test split, which describes the rows and is not to choose among them." * is_of_test
    if gains.has_mean:
        yield f"Rows are sorted by the mean of {metrics}.{split}"
    if gains.has_gain:
        yield (
            f"{GAIN}: mean relative difference of {metrics} from the networks of the study that were trained for one "
            f"task each (Vandenhende et al. 2021); positive is better. {WORST}: of the means over the seeds."
        )
    else:
        yield f"No {GAIN}: it takes rows that train one task each, with the weight 0 for all others."
    if best:
        same = f" with the same {', '.join(key.lstrip('+') for key in gains.keys)}" if gains.keys else ""
        yield f"{FRONT}: no other row{same} that trains all tasks is as good in all of {metrics}, by the means."
    if told := _volumes(rows, gains, constants):
        yield told


def _volumes(rows: Sequence[Row], gains: Gains, constants: Mapping[str, float]) -> str:
    """The hypervolume of each group, or what it lacks."""
    metrics = [task.metric for task in gains.tasks]
    told = []
    for others in dict.fromkeys(row.others for row in rows if row.is_whole):
        base = gains.bases.get(others, {})
        if lacking := next((task for task in gains.tasks if task.name not in base), None):
            return f"No hypervolume: no row trains {lacking.name} alone, so its scale is not known."
        if unknown := next((name for name in metrics if name not in constants), None):
            return f"No hypervolume: nothing says what a constant answer reaches. --constant {unknown}=VALUE says it."
        own = [row.means for row in rows if row.others == others and row.is_whole]
        named = gains.told(others)
        told.append(f"{named + ' ' if named else ''}{_volume(own, base, gains.tasks, constants)}")
    at = ", ".join(f"{name} {constants[name]:.4g}" for name in metrics if name in constants)
    scale = f"each task from 0, a constant answer ({at}), to 1, the network that was trained for it alone"
    return f"Hypervolume of the rows that train all tasks: {', '.join(told)} ({scale})." if told else ""


def _volume(
    means: Sequence[Mapping[str, float]],
    base: Mapping[str, float],
    tasks: Sequence[Task],
    constants: Mapping[str, float],
) -> str:
    try:
        points = [[skill(one[t.name], constants[t.metric], base[t.name]) for t in tasks] for one in means]
    except ValueError as error:
        return f"none, as {error}"
    return f"{hypervolume(points, [0.0] * len(tasks)):.4f}"
