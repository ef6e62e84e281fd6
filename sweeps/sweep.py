"""From a command line to a finished study: plan, check, seed, work."""

import sys
from contextlib import suppress
from dataclasses import asdict

from omegaconf import DictConfig

from sweeps.asked import Asked
from sweeps.command import started_by
from sweeps.continuing import go_on
from sweeps.corners import samples, telling_points
from sweeps.display import print_submitted
from sweeps.errors import StudyError
from sweeps.hydra_output import KEPT, unused_output
from sweeps.identity.composition import compose
from sweeps.launchers import launcher_of
from sweeps.launchers.fused import fused_lines
from sweeps.notifying import address_in
from sweeps.output import counted
from sweeps.own_keys import own_keys
from sweeps.preparing import prepared, preparing
from sweeps.refinement import keep, refined
from sweeps.refusals import Command, check_settings
from sweeps.settings import DEFAULT_DIRECTORY
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.urls import check_url, shown, without_passwords
from sweeps.tracking.first_use import warm_up
from sweeps.trial.files import StudyFiles
from sweeps.trial.ownership import own_study, study_files
from sweeps.versions import trusted_by
from sweeps.wanted import Wanted, named_as_before, provenance_of
from sweeps.worker.application import Application
from sweeps.worker.child import check_in_child
from sweeps.worker.forkserver import ForkServer, end_server
from sweeps.worker.job import Job
from sweeps.worker.modules import modules_of
from sweeps.worker.order import WorkOrder, trial_overrides
from sweeps.worker.placement import places_of_this_machine, server_environment, settle_in

_MAX_CHECKS = 3
"""A check that dies without an answer was killed from outside, unless it does so every time."""


class Sweep:
    """One `-m` command: seeds the study, then works on it like any other worker.

    Args:
        asked: The command.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked, self._plan = asked, asked.plan
        self._context, self._config = asked.context, asked.config
        self._launch = launcher_of(asked.launcher)
        address_in(self._plan.settings.notify)  # nothing that is kept or shown has it from now on

    def run(self) -> None:
        """Train until the study is finished.

        Raises:
            SystemExit: 1 when trials have failed, 128 + signal when interrupted, 2 when the application refuses.
        """
        database = self._existing_database()
        plan = self._plan = named_as_before(self._plan, self._asked.program, self._asked.task, database)
        known = self._existing_study(database)
        plan = self._plan = refined(plan, known)
        trusted = trusted_by(self._context)
        command = Command(task=self._asked.task, launcher=self._asked.launcher, config=self._config, trusted=trusted)
        check_settings(plan, known, database, command)
        self._begin_imports(known)
        wanted = self._wanted(known)
        if known is not None:
            wanted.announce(known)
        if plan.tracking.uri and not plan.settings.preview:
            warm_up(plan.tracking.uri)
        application = None if known and wanted.is_in(known) else self._checked_application()
        if plan.settings.preview:
            wanted.preview(known, lambda points: fused_lines(points, plan.settings, trusted, self._composed))
            return
        if plan.cut:
            sys.stderr.write(f"{plan.cut}\n")
        study = self._seed(database or Database(plan.settings.storage_url), wanted)
        order = self._order(study, wanted, application)
        if plan.settings.submit:
            print_submitted(study)
            return
        if self._asked.launcher != "basic":
            prepared()
            end_server()  # what comes from it ends with this command, and workers do not
        study.database.close()  # the worker has a connection of its own
        if code := max(self._launch(order, plan.settings.num_workers)):
            raise SystemExit(code)

    def _order(self, study: Study, wanted: Wanted, application: Application | None) -> WorkOrder:
        plan = self._plan
        return WorkOrder(
            study=plan.name,
            key=study.facts["key"],
            storage=plan.settings.storage_url,
            num_points=wanted.num_points,
            application=application or self._application([] if study.is_finished() else [self._sample()]),
            space=plan.space,
            settings=plan.settings,
            tracking=plan.tracking,
            configuration=study.configuration,
            identity=wanted.identity,
            origin=self._asked.origin,
            root=self._asked.program.root,
            line=self._asked.digest,
        )

    def _existing_database(self) -> Database | None:
        """The database, unless opening it would create a file."""
        with suppress(StudyError):
            settings = self._plan.settings
            return Database(settings.storage_url, create=False, is_view=settings.preview)
        check_url(self._plan.settings.storage_url)
        return None

    def _existing_study(self, database: Database | None) -> Study | None:
        if database is None or self._plan.name not in database.study_names():
            return None
        return Study(database, self._plan.name)

    def _wanted(self, known: Study | None) -> Wanted:
        preparing(f"Composing {counted(self._plan.num_points, 'point')}")
        return Wanted.of(self._asked, self._plan, provenance_of(known))

    def _checked_application(self) -> Application:
        """Compose every value of every axis, and let the application look at each."""
        plan, is_whole = self._plan, self._plan.is_grid and self._plan.num_points == self._plan.space.num_points
        preparing("Importing the application and checking its configurations")
        samples = telling_points(plan.space, is_whole=is_whole, seed_key=plan.settings.seed_key)
        application = self._application(samples)
        server = ForkServer.of(application, self._environment())
        jobs = [self._check_job(point) for point in samples]
        answers = (server.ask(check_in_child, jobs) for _ in range(_MAX_CHECKS))
        died = (1, "The check of the configuration died without a word.\n")
        code, output = next((answer for answer in answers if answer is not None), died)
        sys.stderr.write(output)
        if code:
            raise SystemExit(code)
        return application

    def _begin_imports(self, known: Study | None) -> None:
        """Have the fork server import what any trial needs while this process composes; not for a finished study."""
        if known is None or not known.is_finished():
            modules = modules_of(self._asked.function, self._context, [self._config], self._plan.settings.preload or ())
            ForkServer.prepare(modules, self._environment())

    def _environment(self) -> dict[str, str]:
        """Variables of the fork server: it learns how many threads its trials have before it imports anything."""
        settings, num_points = self._plan.settings, self._plan.num_points
        if not settings.preview and self._asked.launcher == "basic" and not settings.submit:
            settle_in(settings.slots, num_points)
        return server_environment(places_of_this_machine(settings.slots, num_points))

    def _application(self, samples: list[Point]) -> Application:
        """The application, with the modules that these points name imported once for all trials."""
        task, configs = self._asked.function, [self._composed(point) for point in samples]
        overrides, preload = self._overrides(self._sample()), self._plan.settings.preload or ()
        return Application.of(task, self._context, self._config, overrides, configs, preload)

    def _sample(self) -> Point:
        return next(samples(self._plan.space))

    def _check_job(self, point: Point) -> Job:
        directory = StudyFiles.of(self._plan.settings.directory, self._plan.name).trial(0).directory
        return Job(overrides=self._overrides(point), directory=directory, number=0, attempt=0)

    def _composed(self, point: Point) -> DictConfig:
        return compose(self._context.config_loader, self._config, self._overrides(point))

    def _overrides(self, point: Point) -> tuple[str, ...]:
        return trial_overrides(self._plan.space, point.as_arguments())

    def _seed(self, database: Database, wanted: Wanted) -> Study:
        plan, settings = self._plan, self._plan.settings
        facts = {"objective": list(settings.objectives), "task": self._asked.task}
        study = Study.create(database, plan.name, settings.directions, facts)
        if "directory" not in study.facts:
            study.remember("directory", self._new_directory(study))
        # Hydra keeps the overrides of its own part to itself, such as the search path.
        of_hydra = [text for text in self._config.hydra.overrides.hydra if not text.startswith("hydra.mode=")]
        is_typed = any(text.startswith("hydra.mode=") for text in self._config.hydra.overrides.hydra)
        command = {"hydra": without_passwords(of_hydra), "is_always_multirun": not is_typed}
        study.remember("command", {**started_by(self._asked.task), **command, "origin": self._asked.origin.as_facts()})
        study.remember("arguments", without_passwords(self._asked.arguments))
        study.remember("withheld", sorted(plan.space.withheld))
        study.remember("tracking", {**asdict(plan.tracking), "uri": shown(plan.tracking.uri or "")})
        study.remember("seed_key", settings.seed_key)
        own = own_keys(self._config)
        study.remember("study_key", own.study)
        study.remember("implied", dict(own.implied))
        study.remember("scales", settings.metrics_scaled)
        keep(plan, study)
        wanted.add_to(study)
        go_on(study, settings)
        if settings.retry_failed and (again := study.reopen("study.retry_failed", fresh=True)):
            listed = ", ".join(map(str, again))
            sys.stderr.write(f"Failed trials start afresh (study.retry_failed): {listed}. What they left is kept.\n")
        study.reconcile()
        return study

    def _new_directory(self, study: Study) -> str:
        """Where a new study keeps its trials; another study of this name may have left its own on the disk."""
        files = study_files(self._plan.settings.directory, study.name, study.facts["key"])
        own_study(files, study.name, study.facts["key"])
        if self._plan.settings.directory == DEFAULT_DIRECTORY and (told := unused_output(self._config)):
            sys.stderr.write(f"{told} is not used: {KEPT}, now in {files.directory}.\n")
        usual = StudyFiles.of(self._plan.settings.directory, study.name).directory
        if files.directory != usual:
            sys.stderr.write(f"{usual} holds another study of this name; this one is kept in {files.directory}.\n")
        return str(files.directory)
