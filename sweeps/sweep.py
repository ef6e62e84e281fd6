"""From a command line to a finished study."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sweeps.display import Display, print_preview, print_summary
from sweeps.errors import StudyError
from sweeps.identity import new_worker_id
from sweeps.settings import study_settings, tracking_settings
from sweeps.space import ADDRESSES, Point, digest, parse
from sweeps.study.records import Claim
from sweeps.study.storage import Database, shown, without_passwords
from sweeps.study.study import Study, names
from sweeps.tracking.follow import Tracking
from sweeps.tracking.mlflow import warm_up
from sweeps.trial.files import StudyFiles
from sweeps.worker.application import Application
from sweeps.worker.child import Job, check_in_child, task_name
from sweeps.worker.placement import Slots
from sweeps.worker.process import ProcessPool, constructors
from sweeps.worker.worker import Worker, WorkerOptions

_DEFAULT_DRAWS = 20
_MAX_CHECKS = 3
_PRELOAD = ("sweeps.worker.child", "hydra.core.utils", "hydra._internal.config_loader_impl", "sqlalchemy", "yaml")


class Sweep:
    """One `-m` command: seeds the study, then works on it like any other worker.

    Args:
        context: Hydra's context.
        task: The application's task function.
        config: The configuration composed without the swept overrides.
        arguments: The overrides as typed.
        params: Sweeps from the configuration.

    Raises:
        StudyError: Something asked for cannot be; nothing has been created.
    """

    def __init__(
        self,
        context: HydraContext,
        task: TaskFunction,
        config: DictConfig,
        arguments: list[str],
        params: dict[str, Any],
    ) -> None:
        self._context, self._config = context, config
        self._task, self._arguments = task_name(task), arguments
        _check_launcher(config)
        self._settings = study_settings(config)
        self._tracking_settings = tracking_settings(config)
        space = parse(arguments, params, context.config_loader)
        self._space = space.replicated(self._settings.replicates, int(OmegaConf.select(config, "seed") or 0))
        self._name = self._settings.name or self._derived_name()
        self._files = StudyFiles(Path(self._settings.directory).resolve() / self._name)

    @property
    def is_grid(self) -> bool:
        """Whether every point is known beforehand."""
        sampler = self._settings.sampler
        if sampler == "grid" and not self._space.is_finite:
            endless = next(axis.text for axis in self._space.axes if not axis.is_finite)
            raise StudyError(
                f"study.sampler=grid: {endless} has no finite set of values. Use choice(...) or range(...)."
            )
        return self._space.is_finite and sampler in ("auto", "grid")

    @property
    def num_points(self) -> int:
        """Trials this command asks for."""
        if self.is_grid:
            return min(self._space.num_points, self._settings.n_trials or self._space.num_points)
        return self._settings.n_trials or _DEFAULT_DRAWS

    def run(self) -> None:
        """Train until the study is finished.

        Raises:
            SystemExit: 1 when trials have failed, 128 + signal when interrupted, 2 when the application refuses.
        """
        slots = Slots.of_this_machine(self._settings.slots, self.num_points)
        database = self._existing_database()
        known = self._existing_study(database)
        if self._tracking_settings.uri and not self._settings.preview:
            warm_up()
        pool = self._checked_pool(slots) if known is None or not self._is_known(known) else None
        if self._settings.preview:
            print_preview(self._name, self._points(), known, self.num_points)
            return
        database = database or Database(self._settings.storage_url)
        study = self._seed(database)
        if study.is_finished():
            pool = None
        elif pool is None:
            pool = self._pool(slots)
        self._work(study, pool, slots)

    def _derived_name(self) -> str:
        """The same line gets the same study."""
        line = {"fixed": self._space.fixed, "axes": sorted(axis.text for axis in self._space.axes)}
        return f"{OmegaConf.select(self._config, 'hydra.job.name')}-{digest(line)[:8]}"

    def _existing_database(self) -> Database | None:
        """The database, unless opening it would create a file."""
        with suppress(StudyError):
            return Database(self._settings.storage_url, create=False)
        Database.check_url(self._settings.storage_url)
        return None

    def _existing_study(self, database: Database | None) -> Study | None:
        if database is None or self._name not in names(database):
            return None
        return Study(database, self._name)

    def _is_known(self, study: Study) -> bool:
        """Whether the study has all points that this command asks for."""
        if not self.is_grid:
            return len(study.trials()) >= self.num_points
        wanted = {point.key for point in self._points()}
        return study.knows(wanted) == wanted

    def _points(self) -> list[Point]:
        if not self.is_grid:
            return []
        points = list(self._space.grid())
        return points[: self.num_points]

    def _checked_pool(self, slots: Slots) -> ProcessPool:
        """Compose every value of every axis, and let the application look at each."""
        samples = list(self._space.samples())
        configs = [self._context.config_loader.load_sweep_config(self._config, self._overrides(p)) for p in samples]
        pool = self._pool(slots, configs)
        jobs = [self._job(point, 0, 0, {}) for point in samples]
        # A process that dies without an answer was killed from outside, unless it does so every time.
        answers = (pool.ask(check_in_child, jobs) for _ in range(_MAX_CHECKS))
        died = (1, "The check of the configuration died without a word.\n")
        code, output = next((answer for answer in answers if answer is not None), died)
        sys.stderr.write(output)
        if code:
            raise SystemExit(code)
        return pool

    def _pool(self, slots: Slots, configs: Sequence[DictConfig] = ()) -> ProcessPool:
        sample = self._overrides(next(iter(self._space.samples())))
        looked_at = configs or [self._context.config_loader.load_sweep_config(self._config, sample)]
        module = self._task.partition(":")[0]
        modules = {target.rpartition(".")[0] for config in looked_at for target in constructors(config)} | {module}
        application = Application(
            task=self._task,
            hydra_context=self._context,
            config=self._config,
            singletons=Singleton.get_state(),
            sample=tuple(sample),
        )
        return ProcessPool([*_PRELOAD, *sorted(modules - {"__main__"})], application, slots.environment)

    def _seed(self, database: Database) -> Study:
        settings = self._settings
        study = Study.create(
            database,
            self._name,
            settings.directions,
            {"objective": list(settings.objectives), "directory": str(self._files.directory), "task": self._task},
        )
        study.remember("arguments", without_passwords(self._arguments))
        study.remember(
            "tracking",
            {"uri": shown(self._tracking_settings.uri or ""), "experiment": self._tracking_settings.experiment},
        )
        if self.is_grid:
            study.add(self._points())
        else:
            study.add_draws(self.num_points)
        if settings.retry_failed:
            study.reopen_failed()
        pruner = OmegaConf.select(self._config, "study.pruner")
        study.use(instantiate(pruner) if pruner else None)
        study.reconcile()
        return study

    def _work(self, study: Study, pool: ProcessPool | None, slots: Slots) -> None:
        if pool:
            pool.wait()
        display = Display(study)
        tracking = Tracking(study, self._tracking_settings, self._files, display.warn)
        with display:
            interrupted_by = self._worker(study, pool, slots, display, tracking).run() if pool else None
        study.reconcile()
        tracking.close(self._tracking_settings.drain_s)
        print_summary(study, tracking.address() or (self._tracking_settings.uri and "sweeps ui"))
        if interrupted_by is not None:
            print("Interrupted. The same command continues the study.", file=sys.stderr)
            raise SystemExit(128 + interrupted_by)
        if any(trial.state == "failed" for trial in study.trials()):
            raise SystemExit(1)

    def _worker(self, study: Study, pool: ProcessPool, slots: Slots, display: Display, tracking: Tracking) -> Worker:
        settings = self._settings
        draw = None
        if not self.is_grid:
            from sweeps.study.sampling import drawer

            draw = drawer(self._space, settings.sampler, settings.seed)

        def make_job(claim: Claim, slot: int) -> Job:
            return self._job(claim.point, claim.number, claim.attempt, dict(slots.environment_of(slot)))

        options = WorkerOptions(
            slots=slots.num,
            objectives=settings.objectives,
            max_retries=settings.max_retries,
            lease_s=settings.lease_s,
            stop_grace_s=settings.stop_grace_s,
            trial_timeout_s=settings.trial_timeout_s,
            stall_timeout_s=settings.stall_timeout_s,
            trial_memory_gb=settings.trial_memory_gb,
        )
        return Worker(study, new_worker_id(), pool, make_job, draw, options, [tracking, display])

    def _job(self, point: Point, number: int, attempt: int, environment: dict[str, str]) -> Job:
        return Job(
            overrides=tuple(self._overrides(point)),
            directory=self._files.trial(number).directory,
            number=number,
            attempt=attempt,
            environment=environment,
        )

    def _overrides(self, point: Point) -> list[str]:
        # A trial speaks to neither server, and Hydra writes its overrides to a file.
        needless = ("hydra", *ADDRESSES)
        operational = [text for text in self._space.operational if not text.startswith(needless)]
        return [*operational, *point.as_arguments()]


def _check_launcher(config: DictConfig) -> None:
    chosen = config.hydra.runtime.choices.get("hydra/launcher", "basic")
    if chosen != "basic":
        raise StudyError(
            f"hydra/launcher={chosen} is not supported by studies; start the same line in each place instead."
        )
