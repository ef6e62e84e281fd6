"""The fork server: a process that has imported the application once, from which each trial is forked."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from sweeps.trial.files import TrialFiles
from sweeps.worker import kinship, paths
from sweeps.worker.application import Application, Publication
from sweeps.worker.child import run_in_child
from sweeps.worker.grouped import run_group_in_child
from sweeps.worker.job import Job
from sweeps.worker.process import TrialProcess, has_ended
from sweeps.worker.script import hidden_main
from sweeps.worker.shelter import Shelter
from sweeps.worker.spares import Entry, Spare, await_work

_PRELOAD = (
    "sweeps.worker.child",
    "hydra.core.utils",
    "hydra._internal.config_loader_impl",
    "yaml",
)
_FIRST = "sweeps.worker.preload_first"
_LAST = "sweeps.worker.preload"

_MAX_ROUNDS = 50
_PAUSE_S = 0.02

_MAX_FAILURES = 5
"""Starts that fail in a row before it is given up: the server may be killed in the middle of any of them."""

_DYING_S = 0.1


class ForkServer:
    """Starts processes that share what an application imports.

    Args:
        modules: What the server imports, in the background.
        environment: Variables of the server and of all its processes.
    """

    _running: "ClassVar[ForkServer | None]" = None
    _shelter: ClassVar[Shelter | None] = None

    @classmethod
    def of(cls, application: Application, environment: Mapping[str, str]) -> "ForkServer":
        """The server of an application: the one that runs, or a new one. Multiprocessing has one per process."""
        running = cls._running
        if running is None or running.application not in (None, application):
            running = cls._running = cls(application.modules, environment)
        if running.application is None:
            running.application = application
            running._publication.publish(application)
        return running

    @classmethod
    def prepare(cls, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a server before its application is known in full: it imports in the background, and waits for it.

        Args:
            modules: Some that the application is sure to need.
            environment: Variables of the server and of all its processes.
        """
        cls._running = cls(modules, environment)

    @classmethod
    def end(cls) -> None:
        """End the server at once, also in the middle of its imports, and all that has come from it."""
        server, running, shelter = _server(), cls._running, cls._shelter
        cls._running = cls._shelter = None
        for end in running.before_end if running is not None else ():
            end()
        if server._forkserver_pid is not None:
            os.kill(server._forkserver_pid, signal.SIGKILL)
            server._stop()
        if running is not None:
            running._publication.close()
            for name in running._own_variables:
                os.environ.pop(name, None)
        if shelter is not None:
            shelter.close()

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self.application: Application | None = None
        self._pids: set[int] = set()
        self._spare: Spare | None = None
        self.before_end: list[Callable[[], None]] = []
        self._own_variables = environment.keys() - os.environ.keys() | paths.hand_on()
        os.environ.update(environment)
        if ForkServer._shelter is None:
            ForkServer._shelter = Shelter()
        self.shelter = ForkServer._shelter
        self._publication = Publication()  # as long as a server may be started again
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_FIRST, *_PRELOAD, *modules, _LAST])
        # Ctrl-C in a terminal, its end, and SIGTERM from `timeout` reach the whole group. The server inherits them as
        # blocked until it ignores them: with it its trials would end before the worker can ask for a checkpoint. One
        # that comes for this process meanwhile waits.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, kinship.OF_THE_WORKER)
        try:
            forkserver.ensure_running()  # it imports while the caller goes on
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def wait(self) -> None:
        """Return once the server has imported everything: a trial claimed before would be silent until then."""
        self._living_spare().wait()

    def keep_ready(self) -> None:
        """Have a process that waits for its work: to fork one takes longer the more was imported."""
        with contextlib.suppress(EOFError, OSError):  # the start that needs one tries again, and tells
            self._living_spare()

    def _living_spare(self) -> Spare:
        if self._spare is None or not self._spare.lives:
            self._drop_spare()
            process, connection = self._forked(await_work, None)
            self._spare = Spare(process=process, connection=connection)
        return self._spare

    def start(self, jobs: Sequence[Job]) -> TrialProcess:
        """Start the process of a trial, or of several that share one."""
        all_files = [TrialFiles(job.directory) for job in jobs]
        for files in all_files:
            self.shelter.watch(files)
        if len(jobs) == 1:
            process, connection = self.launch(run_in_child, jobs[0])
        else:
            process, connection = self.launch(run_group_in_child, jobs)

        def tidy(ended: int) -> None:
            self.tidy(ended)
            for files in all_files:
                self.shelter.clean(files)

        return TrialProcess(process, connection, self.pid, tidy)

    @property
    def pid(self) -> int | None:
        """The server's process; None while there is none."""
        found: int | None = _server()._forkserver_pid
        return found

    def ask(self, entry: Entry, argument: Any) -> Any:
        """Run `entry` in a process and return what it sends; None if it dies without a word."""
        process, connection = self.launch(entry, argument)
        try:
            return connection.recv()
        except EOFError:
            return None
        finally:
            process.kill()  # it has answered, or nobody waits for its answer any more
            process.join()
            connection.close()
            self.tidy(process.pid)

    def launch(self, entry: Entry, argument: Any) -> tuple[Any, Connection]:
        """Start a process that runs `entry`, or let one that waits do so; returns it with this end of a pipe to it.

        Args:
            entry: Gets the argument, and the other end of the pipe.
            argument: What plain pickle takes.
        """
        spare = self._spare
        if spare is not None and spare.begin(entry, argument):
            self._spare = None
            return spare.process, spare.connection
        self._drop_spare()
        return self._forked(entry, argument)

    def _drop_spare(self) -> None:
        """Forget the process that waits, if there is one."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.process.kill()
            spare.process.join()
            spare.connection.close()
            self.tidy(spare.process.pid)

    def _forked(self, entry: Entry, argument: Any) -> tuple[Any, Connection]:
        num_failures = 0
        while True:
            try:
                return self._fork(entry, argument)
            except (EOFError, OSError):
                # The server was killed meanwhile; the next start brings up another.
                num_failures += 1
                if num_failures == _MAX_FAILURES:
                    raise
                time.sleep(_DYING_S * num_failures)  # until then it may be dying, and multiprocessing starts no other

    def _fork(self, entry: Entry, argument: Any) -> tuple[Any, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=entry, args=(argument, theirs), daemon=False)
        # The server has imported a module that `python -m` started; each process would run it again.
        with theirs, hidden_main(self.application is None or not self.application.script):
            process.start()
        self._pids.add(process.pid or 0)
        return process, ours

    def tidy(self, ended: int | None) -> None:
        """End what a process has left behind: its orphans are the server's children, unless the server is gone too.

        Args:
            ended: The process, which has ended.
        """
        self._pids.discard(ended or 0)
        server = _server()._forkserver_pid
        if server is None or has_ended(server):
            self.shelter.clear()
            return
        for _ in range(_MAX_ROUNDS):
            orphans = [child for child in kinship.children(server) if child not in self._pids]
            if not orphans:
                return
            for orphan in orphans:
                for pid in (orphan, *kinship.descendants(orphan)):
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(_PAUSE_S)


def end_server() -> None:
    """End the fork server of this process, if it has one."""
    ForkServer.end()


def _server() -> Any:
    return forkserver._forkserver  # type: ignore[attr-defined]
