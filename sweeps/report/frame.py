"""All trials of a study, one row per trial: the start of every table and plot."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sweeps.outcome import Completed, Failed, Outcome, was_run
from sweeps.report.codes import are_different, data_of
from sweeps.report.headings import Origin, headings
from sweeps.space import REPLICATE_KEY, is_key
from sweeps.study.codes import Codes
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.values import value_of

if TYPE_CHECKING:
    import pandas as pd  # a command that is refused need not wait for it

_OWN = ("trial", "state", "attempts", "duration_s", "cause")
_ROLE = ("role",)
_DIRECTIONS = {"maximize": "max", "minimize": "min"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """Trials of a study, in frames that share one index: one row per trial, in the order of their numbers.

    An axis, a metric and a column of ours may have the same name, so each kind has a frame of its own.

    Attributes:
        own: `trial`, `state`, `attempts`, `duration_s` (seconds) and `cause` (of a failure); `role` where points of the
            study have one, an empty text for those that have none.
        overrides: One column per override key and per value in a mapping, values as Hydra reads them; NaN where the
            point lacks the key.
        objectives: One column per objective, the value returned; NaN unless the trial has completed.
        metrics: One column per metric, its value at the step that the trial has selected, else the last one; NaN
            unless a completed trial recorded it.
        cells: A label per trial that its replicates share; empty while no point is drawn.
        seeds: What tells replicates of a cell apart: the text of the seed's override; empty where there is none.
        code: Short name of the code that ran the trial; empty where nobody knows.
        data: Name of each data set that the trial has read to its digest, as JSON.
        varied: Override keys in which the cells differ, in the order of the command line.
        directions: Metric or objective name to `min` or `max`; what has no entry has no better or worse.
        returned: Names of the metrics that tasks have returned by name.
        means: Name of a metric that is a mean to the names of all metrics that it is a mean of in any trial.
        implied: Mappings of which a key has this value in trials that do not write it.
        scales: Mappings, to the metrics that the numbers in them scale.
        is_drawn: Whether a sampler has drawn points of them.
        is_joined: Whether they are of several studies, so that a number is of several trials.
    """

    own: "pd.DataFrame"
    overrides: "pd.DataFrame"
    objectives: "pd.DataFrame"
    metrics: "pd.DataFrame"
    cells: "pd.Series"
    seeds: "pd.Series"
    code: "pd.Series"
    data: "pd.Series"
    varied: tuple[str, ...]
    directions: Mapping[str, str]
    returned: tuple[str, ...] = ()
    is_drawn: bool = False
    means: Mapping[str, Sequence[str]] = field(default_factory=dict)
    implied: Mapping[str, Any] = field(default_factory=dict)
    scales: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_joined: bool = False

    def completed(self) -> "Trials":
        """Those that have completed."""
        return self.chosen(self.own.index[self.own["state"] == "completed"])

    def chosen(self, index: "pd.Index") -> "Trials":
        """The trials of these index values, in their order."""
        return replace(
            self,
            own=self.own.loc[index],
            overrides=self.overrides.loc[index],
            objectives=self.objectives.loc[index],
            metrics=self.metrics.loc[index],
            cells=self.cells.loc[index],
            seeds=self.seeds.loc[index],
            code=self.code.loc[index],
            data=self.data.loc[index],
        )

    def scaled_by(self, metric: str) -> str:
        """The mapping that scales a metric, and that varies; empty where none does."""
        mappings = (key for key, names in self.scales.items() if metric in names)
        varied = [key.lstrip("+") for key in self.varied]
        return next((m for m in mappings if any(key == m or key.startswith(f"{m}.") for key in varied)), "")

    def flat(self) -> "pd.DataFrame":
        """Everything in one frame, with the headings of `headings`; an objective NAME is called `objective/NAME`.

        Where the trials have run different code, a column `code` has its digest.
        """
        import pandas as pd

        parts: tuple[tuple[Origin, pd.DataFrame], ...] = (
            ("study", self.own.assign(code=self.code) if are_different(self.code) else self.own),
            ("key", self.overrides),
            ("objective", self.objectives.rename(columns=_told)),
            ("metric", self.metrics),
        )
        names = [(origin, str(name)) for origin, part in parts for name in part.columns]
        return pd.concat([part for _, part in parts], axis=1).set_axis(headings(names), axis=1)


def trial_frame(study: Study, trials: Sequence[TrialRow] | None = None, codes: Codes | None = None) -> Trials:
    """All trials of a study that are of its configuration of today.

    Args:
        study: The study.
        trials: These trials, where they have been read; None: reads them.
        codes: The states of the code of all studies that stand in a table with this one; None: it stands alone.
    """
    import pandas as pd

    trials = study.current_trials() if trials is None else trials
    codes = Codes.of([(study.facts, trials)]) if codes is None else codes
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    objectives, implied = study.value_names, study.facts.get("implied") or {}
    of_objectives = {name: _DIRECTIONS[way] for name, way in zip(objectives, study.directions, strict=True)}
    return Trials(
        own=pd.DataFrame([_own(trial) for trial in trials], columns=[*_OWN, *_ROLE[: any(map(_role, trials))]]),
        # As objects, or pandas would show 1 as 1.0 because another trial has 0.5.
        overrides=with_implied(_frame([_values(trial) for trial in trials], dtype=object), implied),
        objectives=_frame([_returned(trial, objectives) for trial in trials]),
        metrics=_frame([trial.outcome.metrics if isinstance(trial.outcome, Completed) else {} for trial in trials]),
        cells=pd.Series([trial.point.cell_key if trial.point else "" for trial in trials], dtype=str),
        seeds=pd.Series([trial.point.seed(seed_key) if trial.point else "" for trial in trials], dtype=str),
        code=pd.Series([codes.of_trial(trial) for trial in trials], dtype=str),
        data=pd.Series([data_of(trial) for trial in trials], dtype=str),
        varied=varied_keys(trials, {seed_key}),
        directions={**study.metric_directions, **of_objectives},
        returned=_named(trials),
        is_drawn=any(trial.is_drawn for trial in trials),
        means=study.metric_means,
        implied=implied,
        scales=study.facts.get("scales") or {},
    )


def with_implied(overrides: "pd.DataFrame", implied: Mapping[str, Any]) -> "pd.DataFrame":
    """The overrides, with the value that a key of such a mapping has where a trial does not write it."""
    usual = {key: implied.get(str(key).lstrip("+").rpartition(".")[0]) for key in overrides}
    has_point = overrides.notna().any(axis=1)
    return overrides.assign(
        **{str(k): overrides[k].where(overrides[k].notna() | ~has_point, v) for k, v in usual.items() if v is not None}
    )


def _told(objective: str) -> str:
    """Heading of an objective among all metrics; one that is called `objective` needs no more."""
    return objective if objective.startswith("objective") else f"objective/{objective}"


def _own(trial: TrialRow) -> dict[str, Any]:
    outcome = trial.outcome
    return {
        "trial": trial.number,
        "state": trial.state,
        "attempts": trial.attempt,
        "duration_s": outcome.duration_s if outcome else None,
        "cause": _cause(outcome),
        "role": _role(trial),
    }


def _cause(outcome: Outcome | None) -> str | None:
    """What has kept a trial from a result."""
    if isinstance(outcome, Failed):
        return outcome.cause
    return None if outcome is None or was_run(outcome) else "not run"


def _role(trial: TrialRow) -> str:
    return trial.point.role if trial.point else ""


def _values(trial: TrialRow) -> dict[str, Any]:
    """Values of its overrides; a NaN, by which a frame says that there is none, is its text."""
    texts = trial.point.leaves.overrides if trial.point else {}
    values = {key: value_of(key, text) for key, text in texts.items()}
    return {
        key: str(value) if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()
    }


def _returned(trial: TrialRow, objectives: Sequence[str]) -> dict[str, float]:
    outcome = trial.outcome
    values = outcome.values if isinstance(outcome, Completed) else ()  # without an objective it has none
    return dict(zip(objectives, values, strict=True)) if values else {}


def _named(trials: Sequence[TrialRow]) -> tuple[str, ...]:
    """Names that tasks have returned and that the frame of metrics has."""
    done = [trial.outcome for trial in trials if isinstance(trial.outcome, Completed)]
    return tuple(dict.fromkeys(name for outcome in done for name in outcome.returned if name in outcome.metrics))


def _frame(rows: Sequence[Mapping[str, Any]], dtype: type | None = None) -> "pd.DataFrame":
    """A frame that has its rows even where no trial has a value."""
    import pandas as pd

    return pd.DataFrame(list(rows), index=pd.RangeIndex(len(rows)), dtype=dtype)


def varied_keys(trials: Sequence[TrialRow], seed_keys: Collection[str]) -> tuple[str, ...]:
    """Keys that a command line varied, then keys that differ because one command fixed them otherwise; not the seed."""
    points = [trial.point.leaves for trial in trials if trial.point]
    keys = dict.fromkeys(key for point in points for key in point.varied)
    for key in dict.fromkeys(key for point in points for key in point.overrides):
        if len({point.overrides.get(key) for point in points}) > 1:
            keys.setdefault(key)
    return tuple(key for key in keys if not any(is_key(key, seed) for seed in seed_keys))
