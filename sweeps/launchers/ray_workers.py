"""Workers as actors of Ray: Ray finds room for them and brings them back, the study hands out the trials.

A placement group would start nothing before all of it fits. So each worker is a bundle of its own: those that fit work,
and those that wait are what Ray's autoscaler reads.
"""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweeps.command import again
from sweeps.errors import StudyError
from sweeps.launchers.job import WorkerJob, handed_on, put_into_environment
from sweeps.launchers.options import RayWorkers
from sweeps.launchers.watched import Watched
from sweeps.study.urls import check_url
from sweeps.worker.order import WorkOrder

_LOOK_S = 0.5

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ANSWER_S = 2.0
"""How long a worker that runs needs to say so; one that Ray has no room for does not answer."""

_MAX_KILLED = 5
"""How often a worker that was killed is started again where its node is still there."""


class RayWorker:
    """An actor: a worker of the study in a process of its own, which ends with the actor.

    Args:
        job: What it runs.
    """

    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self) -> tuple[int, str]:
        """Work until the study is finished; returns exit code and last line."""
        with tempfile.TemporaryFile() as output:
            self._process = self._job.start(output)
            if self._is_stopped:  # before it was there
                self._process.terminate()
            code = self._process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
        sys.stdout.write(text)  # Ray keeps it
        return code, (text.splitlines() or ["It has said nothing."])[-1]

    def is_there(self) -> bool:
        """Whether Ray has found room for it: then it answers."""
        return True

    def stop(self) -> None:
        """Have it hand back its trials and end."""
        self._is_stopped = True
        if self._process is not None:
            self._process.terminate()


def check(choice: str, storage: str, config: DictConfig) -> None:
    """Refuse what cannot work: no Ray, or a SQLite file for several nodes.

    Raises:
        StudyError: With what to do instead.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise StudyError(f"hydra/launcher={choice} needs Ray: pip install 'hydra-sweeps[ray]'") from None
    if check_url(storage).get_backend_name() != "sqlite":
        return
    num_nodes = _connect(_options(config))
    if num_nodes > 1:
        raise StudyError(
            f"hydra/launcher={choice} has {num_nodes} nodes here, and a SQLite file is a database for one."
            " Set study.storage=postgresql://USER@HOST/DATABASE, or SWEEPS_STORAGE."
        )


def launch(order: WorkOrder, num_workers: int) -> list[int]:
    """Start as many workers as there is work for, and stay until the study is finished or none is left."""
    watched = Watched.of(order)
    put_into_environment(order.storage, order.study)
    slots = order.settings.slots
    job = WorkerJob(
        line=tuple(again(order.study, watched.study.facts, None if slots == "auto" else slots)),
        directory=watched.study.facts["command"]["directory"],
        environment=handed_on(),
    )
    options = _options(order.application.config)
    _connect(options)
    counts = watched.study.counts()
    crew = _Crew(job, options, min(num_workers, max(1, counts["open"] + counts["running"])))
    with watched, _asked_to_stop() as asked:
        crew.work(lambda: bool(asked) or watched.study.is_at_rest())
        if asked:
            crew.stop(order.settings.stop_grace_s)
        else:
            crew.end(order.tracking.drain_s + order.settings.stop_grace_s)
    return [watched.end(crew.codes, lambda: crew.last_line)]


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Note signals, and pass the first one on at the end: what a handler raises inside of Ray becomes exit code 1."""
    asked: list[int] = []
    previous: dict[int, Any] = {int(number): signal.getsignal(number) for number in _INTERRUPTIONS}
    for number, handler in previous.items():
        if callable(handler):
            signal.signal(number, lambda number, frame: asked.append(number))
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if asked:
        previous[asked[0]](asked[0], None)


class _Crew:
    """The workers of one command."""

    def __init__(self, job: WorkerJob, options: RayWorkers, num_workers: int) -> None:
        import ray

        actor = ray.remote(RayWorker).options(
            num_cpus=options.num_cpus,
            num_gpus=options.num_gpus,
            memory=int(options.memory_gb * 1e9) if options.memory_gb else None,
            resources=dict(options.resources),
            scheduling_strategy=options.strategy,
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=3,  # it works, and answers meanwhile
        )
        self._runs: dict[Any, Any] = {}
        for worker in (actor.remote(job) for _ in range(num_workers)):
            self._runs[worker.run.remote()] = worker
        self._num_killed = 0
        self.codes: list[int] = []
        self.last_line = ""

    def work(self, is_at_rest: Any) -> None:
        """Wait until the study is finished or no worker is left."""
        while self._runs and not is_at_rest():
            self._collect(_LOOK_S)

    def end(self, patience_s: float) -> None:
        """The study is finished: let workers tell what they have to tell, and give up those that wait for room."""
        import ray

        answers = {worker.is_there.remote(): run for run, worker in self._runs.items()}
        _, waiting = ray.wait(list(answers), num_returns=len(answers), timeout=_ANSWER_S) if answers else ([], [])
        for answer in waiting:
            ray.kill(self._runs.pop(answers[answer]))
        deadline = time.monotonic() + patience_s
        while self._runs and time.monotonic() < deadline:
            self._collect(_LOOK_S, is_over=True)
        self._kill()

    def stop(self, grace_s: float) -> None:
        """The command was interrupted: have the workers hand back their trials."""
        for worker in self._runs.values():
            worker.stop.remote()
        self.end(grace_s)

    def _collect(self, timeout_s: float, *, is_over: bool = False) -> None:
        import ray

        for run in ray.wait(list(self._runs), timeout=timeout_s)[0]:
            worker = self._runs.pop(run)
            try:
                code, self.last_line = ray.get(run)
            except ray.exceptions.RayError as error:
                code, self.last_line = 1, str(error)
            if code < 0 and self._num_killed < _MAX_KILLED and not is_over:
                self._num_killed += 1
                self._runs[worker.run.remote()] = worker
                continue
            self.codes.append(code)
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(worker)

    def _kill(self) -> None:
        import ray

        for worker in self._runs.values():
            ray.kill(worker)
        self._runs.clear()


def _options(config: DictConfig) -> RayWorkers:
    given = OmegaConf.merge(OmegaConf.structured(RayWorkers), config.hydra.launcher)
    options: RayWorkers = OmegaConf.to_object(given)  # type: ignore[assignment]
    if options.strategy not in ("SPREAD", "DEFAULT"):
        raise StudyError(f"hydra.launcher.strategy={options.strategy} is unknown. Known: SPREAD, DEFAULT.")
    return options


def _connect(options: RayWorkers) -> int:
    """Connect to the cluster, once; returns how many nodes it has.

    Raises:
        StudyError: It is not there.
    """
    import ray

    if not ray.is_initialized():
        ours = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=options.address, log_to_driver=False, logging_level="warning")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StudyError(f"hydra.launcher.address={options.address}: {error}") from error
        signal.signal(signal.SIGTERM, ours)  # Ray's own ends the process with exit code 1
    return sum(1 for node in ray.nodes() if node["Alive"])
