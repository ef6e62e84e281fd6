"""A study: its points, who runs them, and how they ended.

The ledger is the truth; Optuna's trials mirror it for samplers, pruners and dashboards.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection

from sweeps.errors import StudyError, did_you_mean
from sweeps.outcome import Goal, names_of_values
from sweeps.ran import Files
from sweeps.space import Point
from sweeps.study.additions import OfDraw, columns, draws, points
from sweeps.study.claims import Claims
from sweeps.study.codes import FACT
from sweeps.study.configurations import Comparison, Identify, compare
from sweeps.study.declared import news
from sweeps.study.events import Event, Note
from sweeps.study.importances import importances
from sweeps.study.kept_sources import KeptSources
from sweeps.study.ledger import Ledger
from sweeps.study.records import TrialRow, trial_row
from sweeps.study.requeue import may_reopen
from sweeps.study.storage import Database


class Study(Claims):
    """One search in a database.

    Args:
        database: Where it is kept.
        name: Its name there.

    Raises:
        StudyError: There is no study of that name.
    """

    def __init__(self, database: Database, name: str) -> None:
        never = optuna.pruners.NopPruner()  # until `use`: Optuna itself would prune by the median
        load = optuna.load_study
        try:
            study = database.patiently(lambda: load(study_name=name, storage=database.storage, pruner=never))
        except (KeyError, UnicodeEncodeError):  # of a command line that is no UTF-8, no database takes the name
            known = did_you_mean(name, database.study_names())
            raise StudyError(f"There is no study {name!r}. Studies: {known}") from None
        super().__init__(database, name, study)
        self.sources = KeptSources(database, self.facts.get("key", ""))

    @classmethod
    def create(cls, database: Database, name: str, directions: Sequence[str], facts: Mapping[str, Any]) -> "Study":
        """Open the study of that name, or make it.

        Args:
            database: Where it is kept.
            name: Its name.
            directions: `minimize` or `maximize` per objective. Empty: as the study has them; a new one minimizes.
            facts: Plain values to keep with the study; a value that it has already stays.

        Raises:
            StudyError: A study of that name optimises something else.
        """
        usual = ["minimize"] * max(1, len(facts.get("objective") or ()))
        wanted = [StudyDirection[direction.upper()] for direction in directions or usual]
        create = optuna.create_study
        # Two first starts at the same moment would give the study two keys, and each would use its own.
        with database.lock("studies"):
            study = database.patiently(
                lambda: create(study_name=name, storage=database.storage, directions=wanted, load_if_exists=True)
            )
            known = database.patiently(lambda: study.user_attrs)
            if "key" not in known:
                Ledger.drop_rows_of_others(database, database.study_keys())
            for key, value in {"key": uuid.uuid4().hex, **facts}.items():
                if key not in known:
                    database.patiently(lambda key=key, value=value: study.set_user_attr(key, value))  # type: ignore[misc]
        made = cls(database, name)
        before = [direction.name.lower() for direction in study.directions]
        for key, value, was in (
            ("direction", list(directions) or before, before),
            ("objective", facts.get("objective"), made.facts.get("objective")),
        ):
            if value != was:
                raise StudyError(f"study.{key}={value}: study {name!r} was started with {was}. Use another study.name.")
        made._mirror.name_values(made.value_names)
        return made

    @property
    def directions(self) -> list[str]:
        """`minimize` or `maximize` per objective."""
        return [direction.name.lower() for direction in self._optuna.directions]

    def goal(self, *, is_searched: bool) -> Goal:
        """What it wants of a task.

        Args:
            is_searched: Whether a sampler draws its points.
        """
        return Goal(names=self.objectives, num_values=len(self.directions), is_searched=is_searched)

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name per value of a result: its objective, else `objective`, or `objective_0`, ... where there are more."""
        return names_of_values(self.objectives, len(self.directions))

    @property
    def metric_directions(self) -> dict[str, str]:
        """Metric name to `max` or `min`, as the application has declared it to any worker of the study."""
        return dict(self._kept().get("metric_directions") or {})

    @property
    def metric_means(self) -> dict[str, list[str]]:
        """Name of a metric that is a mean to the names of all metrics that it is a mean of in any trial."""
        return dict(self._kept().get("metric_means") or {})

    def declare(self, directions: Mapping[str, str], means: Mapping[str, Sequence[str]] | None = None) -> None:
        """Keep what the application says of its metrics."""
        told = {"metric_directions": directions, "metric_means": means or {}}
        for key, value in news(self.facts, self._kept, told):
            self.remember(key, value)

    def _kept(self) -> Mapping[str, Any]:
        return self.database.patiently(lambda: self._optuna.user_attrs)

    def asked(self, question: Callable[[optuna.Study], Any]) -> Any:
        """What a part of Optuna's says of the study as Optuna keeps it."""
        self.mirror()
        return self.database.patiently(lambda: question(self._optuna))

    def remember(self, key: str, value: Any) -> None:
        """Keep a plain value with the study."""
        self.database.patiently(lambda: self._optuna.set_user_attr(key, value))
        self.facts[key] = value

    def know_code(self, code: Mapping[str, Files]) -> None:
        """Keep the files that trials have run, by the digests that their outcomes have for them."""
        for digest, files in code.items():
            if (key := f"{FACT}{digest}") not in self.facts:
                self.remember(key, dict(files))

    def compare(self, identify: Identify) -> Comparison:
        """Compose every point of the study again, to see which trials are of the configuration of today."""
        return compare(self._ledger.rows(), identify)

    def configure(self, comparison: Comparison) -> None:
        """Note which trials are of the configuration of today, which from now on is the one of this process."""
        self._ledger.relabel(comparison.updates())
        self.configuration = comparison.today

    def add(self, wanted: Iterable[Point]) -> int:
        """Hand out these points too; a point that the study knows already stays as it is.

        Returns:
            How many are new.
        """
        listed, ours = list(wanted), {"configuration": self.configuration}
        self._mirror.extend(listed)
        return self._ledger.add(points([{**columns(point), **ours} for point in listed]))

    def add_draws(
        self,
        num_draws: int,
        drawn: Mapping[str, BaseDistribution] | None = None,
        num_seeds: int = 1,
        of_draw: OfDraw | None = None,
    ) -> int:
        """Raise the number of points that the sampler draws to `num_draws`; returns how many trials are new.

        Args:
            num_draws: All that it is to have drawn in the end.
            drawn: What it draws from, by key.
            num_seeds: Trials of each.
            of_draw: As in `additions.draws`.
        """
        self._mirror.extend(drawn=drawn)
        return self._ledger.add(draws(num_draws, num_seeds, self.configuration, of_draw))

    def reopen(self, why: str, number: int | None = None, *, fresh: bool) -> list[int]:
        """Hand out failed trials once more, or one that was skipped; returns their numbers.

        Args:
            why: Who wants that.
            number: One trial; None: all that have failed.
            fresh: Whether they begin anew, as then does one trial that was interrupted, or go on from checkpoints.
        """
        note = Note(what="restarted" if fresh else "reopened", why=why)
        asked = [row for row in self._ledger.rows() if number in (None, row.number)]
        ready = [row for row in asked if may_reopen(row, is_named=number is not None, fresh=fresh)]
        return [row.number for row in ready if self._ledger.reopen(row, note)]

    def delete(self) -> None:
        """Remove the study, its points and their events from the database; files and runs stay.

        Raises:
            StudyError: Somebody works on it.
        """
        self.check_idle()
        with self.database.lock("studies"):
            self._ledger.drop()
            self.database.patiently(lambda: optuna.delete_study(study_name=self.name, storage=self.database.storage))

    def events(self, number: int | None = None) -> list[Event]:
        """What happened to one trial, or to all, oldest first."""
        return self._ledger.history.of(number)

    def distributions(self) -> dict[str, list[BaseDistribution]]:
        """Override key to each distribution that Optuna's trials have of it; that of a grid's axis can be changed."""
        axes = self._mirror.axes()
        changeable = axes.values.keys() - axes.drawn.keys()
        found: dict[str, dict[BaseDistribution, None]] = {key: {one: None} for key, one in axes.drawn.items()}
        for trial in self.database.patiently(lambda: self._optuna.get_trials(deepcopy=False)):
            for key, one in trial.distributions.items():
                found.setdefault(key, {})[one] = None
        return {key: list(known) for key, known in found.items() if key not in changeable}

    def importances(self, trials: Sequence[TrialRow] | None = None) -> dict[str, dict[str, float]]:
        """Objective to the share that each key has in good values of it, by Optuna's ranking; None: all trials."""
        ways = dict(zip(self.value_names, self.directions, strict=True))
        return importances(self._mirror.axes(), self.current_trials() if trials is None else trials, ways)

    def reconcile(self) -> None:
        """Bring Optuna's trials in line with the ledger, after a crash between the two."""
        self._mirror.catch_up()
        self._mirror.refit()
        counts = self.counts()
        if counts["open"] == counts["running"] == 0:
            self._mirror.fail_orphans()

    def unmirrored(self) -> list[int]:
        """Numbers of ended trials whose outcome Optuna's tables may not have yet."""
        return self._mirror.behind()

    def counts(self) -> dict[str, int]:
        """Ledger state (`open`, `running`, `done`) to number of points."""
        now = self.will.look(None)
        return {"open": now.open, "running": now.running, "done": now.done}

    def trials(self) -> list[TrialRow]:
        """All trials by number."""
        found = self._ledger.rows()
        today = max((row.configuration for row in found if row.configuration is not None), default=None)
        return [trial_row(row, today) for row in found]

    def current_trials(self) -> list[TrialRow]:
        """Those that ran, or will run, today's configuration of the study."""
        return [trial for trial in self.trials() if trial.is_current]
