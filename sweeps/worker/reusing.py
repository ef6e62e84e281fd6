"""Starts trials in processes that have run others before: `study.isolation=inline`, seen from the worker."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from sweeps.trial.files import TrialFiles
from sweeps.worker.forkserver import ForkServer
from sweeps.worker.frames import Frames
from sweeps.worker.inline import IDLE, JOB, run_in_turn
from sweeps.worker.job import Job
from sweeps.worker.process import TrialProcess

_ENDING_S = 1.0
"""How long an idle process may take to end; then it is ended with the server."""

Variables = tuple[tuple[str, str], ...]
"""Of a place: a process keeps its devices."""


@dataclass(slots=True, kw_only=True)
class _Host:
    """A process that runs trials in turn.

    Attributes:
        process: The process.
        connection: The worker's end of the pipe to it.
        server: The fork server that it came from.
        variables: Of the place that it runs in.
    """

    process: BaseProcess
    connection: Connection
    server: int | None
    variables: Variables


class Reusing:
    """Starts a trial in a process that is idle, in a new one where none is.

    Args:
        server: Starts processes.
    """

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self._idle: list[_Host] = []
        server.before_end.append(self.close)

    def start(self, jobs: Sequence[Job]) -> TrialProcess:
        """Let a process of the job's place run it; several jobs share a new one."""
        if len(jobs) > 1:
            return self._server.start(jobs)
        [job] = jobs
        files = TrialFiles(job.directory)
        self._server.shelter.watch(files)
        return _Turn(self, files, self._taken(job) or self._forked(job))

    def keep_ready(self) -> None:
        """Its processes are ready again by themselves."""

    def release(self, host: _Host, files: TrialFiles) -> None:
        """Take a process back whose trial has ended."""
        self._server.shelter.clean(files)
        self._idle.append(host)

    def tidy(self, pid: int, files: TrialFiles) -> None:
        """End what a process has left behind that was ended."""
        self._server.tidy(pid)
        self._server.shelter.clean(files)

    def close(self) -> None:
        """Let the idle processes end by themselves: `time` then counts what they have computed."""
        for host in self._idle:
            host.connection.close()
        for host in self._idle:
            host.process.join(_ENDING_S)
        self._idle.clear()

    def _taken(self, job: Job) -> _Host | None:
        """An idle process that has taken the job; one that has died since is forgotten."""
        mine = [host for host in self._idle if host.variables == _variables(job)]
        for host in mine:
            self._idle.remove(host)
            try:
                if host.process.exitcode is None:
                    host.connection.send_bytes(JOB + pickle.dumps(job))
                    return host
            except OSError:
                pass  # it was killed while it was idle
            host.connection.close()
            self._server.tidy(host.process.pid)
        return None

    def _forked(self, job: Job) -> _Host:
        process, connection = self._server.launch(run_in_turn, job)
        return _Host(process=process, connection=connection, server=self._server.pid, variables=_variables(job))


class _Turn(TrialProcess):
    """The process of a trial for as long as the trial has it: it counts as ended once the process is idle.

    Args:
        owner: Takes the process back.
        files: The trial's files.
        host: The process.
    """

    def __init__(self, owner: Reusing, files: TrialFiles, host: _Host) -> None:
        super().__init__(host.process, host.connection, host.server, lambda pid: owner.tidy(pid, files))
        self._owner, self._files, self._host = owner, files, host
        self._until_idle = _UntilIdle(host.connection)
        self._frames = self._until_idle  # type: ignore[assignment]
        self._is_released = False

    @property
    def exit_code(self) -> int | None:
        return 0 if self._until_idle.is_over else super().exit_code

    def kill(self) -> None:
        if self._is_released:
            return
        if self._until_idle.is_over:
            self._is_released = True
            self._owner.release(self._host, self._files)
        else:
            super().kill()


def _variables(job: Job) -> Variables:
    return tuple(sorted(job.environment.items()))


@dataclass(slots=True)
class _UntilIdle:
    """The messages of one trial; behind them nothing is read.

    Attributes:
        is_over: Whether the process is idle.
    """

    connection: Connection
    is_over: bool = False
    _frames: Any = field(init=False)

    def __post_init__(self) -> None:
        self._frames = Frames(self.connection)

    def next(self) -> bytes | None:
        found: bytes | None = None if self.is_over else self._frames.next()
        self.is_over = self.is_over or found == IDLE
        return None if self.is_over else found
