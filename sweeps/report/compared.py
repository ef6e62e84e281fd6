"""Several studies in one table, whose first column says which study a row is of."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import pandas as pd

from sweeps.errors import StudyError
from sweeps.report.frame import Trials, trial_frame, varied_keys, with_implied
from sweeps.space import REPLICATE_KEY
from sweeps.study.codes import Codes
from sweeps.study.declared import together
from sweeps.study.records import TrialRow
from sweeps.study.study import Study


def check_comparable(studies: Sequence[Study]) -> None:
    """Refuse studies that do not belong in one table.

    Raises:
        StudyError: There are fewer than two, one is named twice, or they want different things.
    """
    names = [study.name for study in studies]
    if len(names) < 2:
        raise StudyError(f"{', '.join(names)}: a comparison needs two studies or more.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise StudyError(f"Study {twice!r} is named twice. A comparison needs different studies.")
    first = studies[0]
    for study in studies[1:]:
        for key, ours, theirs in (
            ("objective", list(first.value_names), list(study.value_names)),
            ("direction", first.directions, study.directions),
        ):
            if ours != theirs:
                raise StudyError(f"study.{key}: {first.name!r} has {ours}, {study.name!r} has {theirs}. Compare alike.")


def joined(studies: Sequence[Study], trials: Sequence[Sequence[TrialRow]]) -> Trials:
    """The trials of all studies, those of each together; the study is the first of the keys in which they differ.

    Args:
        studies: Studies that `check_comparable` has let pass.
        trials: Those of each study.
    """
    codes = Codes.of((study.facts, own) for study, own in zip(studies, trials, strict=True))
    frames = [trial_frame(study, own, codes) for study, own in zip(studies, trials, strict=True)]
    names = [study.name for study, own in zip(studies, trials, strict=True) for _ in own]
    implied = {key: value for frame in frames for key, value in frame.implied.items()}
    overrides = with_implied(pd.concat([frame.overrides for frame in frames], ignore_index=True), implied)
    column = _free_name(overrides)
    overrides.insert(0, column, pd.Series(names, dtype=object))
    points = [trial for own in trials for trial in own]
    seeds = {study.facts.get("seed_key", REPLICATE_KEY) for study in studies}
    return Trials(
        own=pd.concat([frame.own for frame in frames], ignore_index=True),
        overrides=overrides,
        objectives=pd.concat([frame.objectives for frame in frames], ignore_index=True),
        metrics=pd.concat([frame.metrics for frame in frames], ignore_index=True),
        cells=pd.Series([f"{i} {cell}" for i, frame in enumerate(frames) for cell in frame.cells], dtype=str),
        seeds=pd.concat([frame.seeds for frame in frames], ignore_index=True),
        code=pd.concat([frame.code for frame in frames], ignore_index=True),
        data=pd.concat([frame.data for frame in frames], ignore_index=True),
        varied=(column, *varied_keys(points, seeds)),
        directions=_agreed(frames),
        returned=tuple(dict.fromkeys(name for frame in frames for name in frame.returned)),
        is_drawn=any(frame.is_drawn for frame in frames),
        is_joined=True,
        means=reduce(together, [frame.means for frame in frames], {}),
        implied=implied,
        scales={key: names for frame in frames for key, names in frame.scales.items()},
    )


def study_first(trials: Trials) -> Trials:
    """For a row per trial: the study before everything else."""
    column = trials.varied[0]
    own = trials.own.copy()
    own.insert(0, column, trials.overrides[column])
    return replace(trials, own=own, overrides=trials.overrides.drop(columns=column))


def _free_name(overrides: pd.DataFrame) -> str:
    """`study`, unless an application has a key of that name."""
    name = "study"
    while name in overrides:
        name = f"sweeps.{name}"
    return name


def _agreed(frames: Sequence[Trials]) -> dict[str, str]:
    """What is better of each metric; nothing where the studies say different things."""
    told: dict[str, set[str]] = {}
    for frame in frames:
        for name, direction in frame.directions.items():
            told.setdefault(name, set()).add(direction)
    return {name: found.pop() for name, found in told.items() if len(found) == 1}
