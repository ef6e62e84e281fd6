"""A worker in this process: what a command on one machine needs, and what every launcher runs elsewhere."""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from sweeps.collection import spare_what_is_there
from sweeps.display import Display, print_summary
from sweeps.errors import StudyError, SweepStopped
from sweeps.granted import ends_at
from sweeps.identity.snapshot import Snapshot
from sweeps.launchers.ending import exit_code
from sweeps.launchers.event_lines import events_written_to
from sweeps.launchers.fused import mates_of
from sweeps.notifying import Notifier, address_in
from sweeps.owners import new_worker_id
from sweeps.plan import is_grid
from sweeps.preparing import preparing
from sweeps.report.best import keep_best
from sweeps.report.typed import shown_by_mlflow
from sweeps.settings import StudySettings
from sweeps.signals import obey
from sweeps.study.limits import another_limit
from sweeps.study.pruning import judged_by, make_pruner
from sweeps.study.records import Claim
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.terminating import terminator_of
from sweeps.tracking.follow import Tracking
from sweeps.tracking.reported import keep_report
from sweeps.trial.disk import lack_of
from sweeps.trial.files import StudyFiles
from sweeps.trial.ownership import own_study, study_files
from sweeps.versions import trusted_by
from sweeps.worker import kinship
from sweeps.worker.attempt import Attempt, Member
from sweeps.worker.forkserver import ForkServer
from sweeps.worker.mirroring import Mirroring
from sweeps.worker.observers import Observer
from sweeps.worker.order import WorkOrder
from sweeps.worker.paths import look_in
from sweeps.worker.placement import Place, places_of_this_machine, server_environment, settle_in
from sweeps.worker.reusing import Reusing
from sweeps.worker.worker import Worker

_LOOK_S = 1.0


def launch(order: WorkOrder, num_workers: int) -> list[int]:
    """Work in this process, one worker after the other; the second one finds what the first one has left."""
    return [work(order) for _ in range(num_workers)]


def work(order: WorkOrder) -> int:
    """Work on a study until it is finished, here or elsewhere, and show what came out of it.

    Returns:
        The exit code: 0, 1 where trials have failed, 128 + signal where the work was interrupted.

    Raises:
        StudyError: The study's directory cannot be written.
        SweepStopped: Too much has failed.
    """
    look_in(order.application.folders)
    study = Study(Database(order.storage), order.study)
    study.configuration = order.configuration
    worker_id = new_worker_id()
    files = study_files(order.settings.directory, order.study, order.key, study.facts.get("directory"))
    if lack := lack_of(files.directory):
        raise StudyError(f"study.directory: {lack}.")
    own_study(files, order.study, order.key)
    with events_written_to(files.worker_log(worker_id)):
        server = None if study.is_at_rest() or not _has_room(study, order) else _server(order)
        display = Display(study)
        tracking = Tracking(study, order.tracking, files, display.warn)
        notifier = Notifier(study, address_in(order.settings.notify), display.warn_of)
        observers: list[Observer] = [tracking, display, Mirroring(study), notifier]
        worker = _worker(study, worker_id, order, files, server, observers) if server else None
        interrupted_by, stopped = None, None
        if worker:
            preparing("Opening MLflow")
            tracking.prepare()
            spare_what_is_there()
        with display:
            try:
                interrupted_by = worker.run() if worker else None
            except SweepStopped as error:
                stopped = error
        study.reconcile()
        notifier.close()
        report = partial(_report, study, files, is_wanted=order.settings.writes_report, is_new=worker is not None)
        cut_off = _closed(tracking, order.tracking.drain_s, report)
    said = _show(study, files, tracking.address(), order)
    _tell_of_edits(order)
    tell_of_rest(study)
    if stopped is not None:
        raise stopped
    return exit_code(study, order, files, said, interrupted_by, cut_off)


def _show(study: Study, files: StudyFiles, address: str | None, order: WorkOrder) -> Sequence[tuple[int, str]]:
    """Print what has come out of the study; where another command has brought this worker, that one does."""
    if kinship.is_job:
        return ()
    keep_best(study, files)
    uri = order.tracking.uri
    return print_summary(study, files.directory, address or (uri and shown_by_mlflow(study, uri)), order.root)


def _closed(tracking: Tracking, drain_s: float, report: Callable[[], None]) -> int | None:
    """Draw, and send the rest; the exit code of a signal that ends the wait. All trials are at rest by then."""
    try:
        report()
        tracking.close(drain_s)
    except KeyboardInterrupt:
        obey()
        return 128 + signal.SIGINT
    except SystemExit as end:
        obey()
        return int(end.code or 0)
    return None


def _report(study: Study, files: StudyFiles, *, is_wanted: bool, is_new: bool) -> None:
    """Write the page of a study that is at rest, unless nothing is new and there is one."""

    def warn(what: str) -> None:
        print(f"Warning: {what}", file=sys.stderr, flush=True)

    if is_wanted and study.is_at_rest() and (is_new or not files.page.is_file()):
        keep_report(study, files, warn)


def tell_of_rest(study: Study) -> None:
    """Say why a study ended that has points left, and what goes on with them."""
    now = study.look()
    if now.is_at_rest and not now.is_finished:
        left = "1 point is left" if now.open == 1 else f"{now.open} points are left"
        other = another_limit(now.why, study.directions)
        print(f"{'Limit:  ' if other else 'Stopped:'} {now.why}. {left}. The same line{other} goes on.")


def _tell_of_edits(order: WorkOrder) -> None:
    """Say which configuration files were edited while the sweep ran; no trial has read them since."""
    repository = order.application.hydra_context.config_loader.repository
    if isinstance(repository, Snapshot) and (names := repository.changed()):
        what = "was" if len(names) == 1 else "were"
        later = "The trials are of how it was at the start; the next command uses what it is now."
        print(f"{', '.join(names)} {what} edited while this ran. {later}", file=sys.stderr)


def _has_room(study: Study, order: WorkOrder) -> bool:
    """Wait for a GPU that no other worker of this machine has; False: the study was finished meanwhile."""
    is_told = False
    while not (tenancy := settle_in(order.settings.slots, order.num_points)).devices and tenancy.holders:
        if study.is_at_rest():
            return False
        if not is_told:
            held = ", ".join(map(str, tenancy.holders))
            print(f"Other workers have all GPUs of this machine (processes {held}). Waits for one.", file=sys.stderr)
        is_told = True
        time.sleep(_LOOK_S)
    return True


def _hands_back_at(settings: StudySettings, drain_s: float) -> float | None:
    """When the worker has to stop so that it is gone in time: first its trials write checkpoints, then it tells."""
    if (until := ends_at()) is None:
        return None
    return until - min(settings.stop_grace_s + drain_s, (until - time.time()) / 2)


def _server(order: WorkOrder) -> ForkServer:
    """The fork server, which imports the application."""
    preparing("Importing the application for its trials")
    return ForkServer.of(order.application, server_environment(_places(order)))


def _worker(
    study: Study, worker_id: str, order: WorkOrder, files: StudyFiles, server: ForkServer, observers: Sequence[Observer]
) -> Worker:
    """The worker, once its fork server has imported everything."""
    settings, draw, trusted = order.settings, None, trusted_by(order.application.hydra_context)
    if settings.pruner:
        pruner = make_pruner(settings.pruner, trusted)
        is_mixed = is_grid(order.space, settings) and settings.replicates == 1
        study.use(pruner, judged_by(settings, len(study.directions)), is_mixed=is_mixed)
    if not is_grid(order.space, settings):
        from sweeps.study.sampling import drawer
        from sweeps.study.warm import learned_from

        wanted = list(zip(study.value_names, study.directions, strict=True))
        like = learned_from(study.database, settings.like, wanted) if settings.like else ()
        identify = order.fingerprints().of
        draw = drawer(order.space, settings.sampler, settings.seed, identify, trusted, settings.first, like)

    starter = Reusing(server) if settings.isolation == "inline" else server

    def start(claims: Sequence[Claim], place: Place) -> Attempt:
        members = [Member(claim=claim, files=files.trial(claim.number)) for claim in claims]
        jobs = [order.job(member.claim, place, member.files.directory) for member in members]
        began_at = time.monotonic()
        return Attempt(members, place, starter.start(jobs), began_at)

    def lack() -> str | None:
        return lack_of(files.trials)

    until = _hands_back_at(settings, order.tracking.drain_s)
    asks = terminator_of(study, settings.terminator, trusted) if settings.terminator else None
    places = _places(order)
    mates, ready = mates_of(order, study, places), starter.keep_ready
    if mates is not None:
        mates.look_ahead()
    server.wait()
    return Worker(study, worker_id, places, start, settings, draw, observers, lack, until, asks, mates, ready)


def _places(order: WorkOrder) -> tuple[Place, ...]:
    return places_of_this_machine(order.settings.slots, order.num_points)
