"""Trials as processes, forked from a server that has imported the application once."""

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver, spawn
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from sweeps.study.records import Claim
from sweeps.worker.application import Application, publish
from sweeps.worker.child import Job, run_in_child
from sweeps.worker.memory import num_oom_kills

SCRIPT_VARIABLE = "SWEEPS_SCRIPT"
_MAX_FAILURES = 5
_DYING_S = 1.0


@dataclass(slots=True)
class RunningTrial:
    """One attempt in its process.

    Attributes:
        claim: What it runs.
        directory: Its directory.
        slot: Which slot of the worker it fills.
        process: The process, leader of its own group.
        connection: The worker's end of the pipe.
        server: Process of the fork server it came from; None where that is not known.
    """

    claim: Claim
    directory: Path
    slot: int
    process: Any
    connection: Connection
    server: int | None = None
    started_at: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)
    beat_at: float = field(default_factory=time.monotonic)
    progress: dict[str, Any] = field(default_factory=dict)
    ending: tuple[str, Any] | None = None
    stopped_at: float | None = None
    num_oom_kills: int = field(default_factory=num_oom_kills)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_at

    @property
    def silence_s(self) -> float:
        return time.monotonic() - self.heard_at

    @property
    def has_lost_its_server(self) -> bool:
        """Whether the fork server has died, which ends all its trials whatever they were doing."""
        if self.server is None:
            return False
        # multiprocessing's code for a process whose server has not lived to report it; the server may still be dying.
        deadline = time.monotonic() + (_DYING_S if self.process.exitcode == 255 else 0.0)
        while not (is_gone := _has_ended(self.server)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return is_gone

    def receive(self) -> list[tuple[str, Any]]:
        """What the trial has said since the last call."""
        messages = []
        try:
            while self.connection.poll():
                messages.append(self.connection.recv())
                self.heard_at = time.monotonic()
        except (EOFError, OSError):
            pass  # the process has ended; its sentinel tells the worker
        return messages

    def prune(self) -> None:
        """Tell the trial to stop at its next look."""
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            self.connection.send("prune")

    def stop(self) -> None:
        """Ask for a checkpoint and the end."""
        self.stopped_at = self.stopped_at or time.monotonic()
        _signal_group(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and everything it has started."""
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.join(timeout=5)
        self.connection.close()


class ProcessPool:
    """Starts processes from a warm fork server.

    Args:
        preload: Modules that the server imports; one that cannot be imported is left to the trial.
        application: What the trials run.
        environment: Variables of the server and of all trials.
    """

    def __init__(self, preload: Sequence[str], application: Application, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        self._folder = tempfile.TemporaryDirectory(prefix="sweeps-")
        publish(application, Path(self._folder.name))
        # What multiprocessing itself tells a new process; absent where no script was started.
        os.environ[SCRIPT_VARIABLE] = str(spawn.get_preparation_data("").get("init_main_from_path", ""))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*preload, "sweeps.worker.preload"])
        # Ctrl-C in a terminal reaches the server too; it is inherited as ignored, also while the server imports.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        forkserver.ensure_running()  # it imports while the caller goes on
        signal.signal(signal.SIGINT, previous)

    def wait(self) -> None:
        """Return once the server has imported everything: a trial claimed before would be silent until then."""
        self.ask(answer, None)

    def start(self, claim: Claim, job: Job, slot: int) -> RunningTrial:
        process, connection = self._launch(run_in_child, job)
        server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        return RunningTrial(
            claim=claim, directory=job.directory, slot=slot, process=process, connection=connection, server=server
        )

    def ask(self, entry: Callable[[Any, Connection], None], argument: Any) -> Any:
        """Run `entry` in a process and return what it sends; None if it dies without a word."""
        process, connection = self._launch(entry, argument)
        try:
            return connection.recv()
        except EOFError:
            return None
        finally:
            process.kill()  # it has answered, or nobody waits for its answer any more
            process.join()
            connection.close()

    def _launch(self, entry: Callable[[Any, Connection], None], argument: Any) -> tuple[Any, Connection]:
        num_failures = 0
        while True:
            try:
                return self._fork(entry, argument)
            except (EOFError, OSError):
                # The server was killed meanwhile; the next start brings up another.
                num_failures += 1
                if num_failures == _MAX_FAILURES:
                    raise

    def _fork(self, entry: Callable[[Any, Connection], None], argument: Any) -> tuple[Any, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=entry, args=(argument, theirs), daemon=False)
        with theirs:
            process.start()
        return process, ours


def _has_ended(child: int) -> bool:
    """Looks without collecting: the server is multiprocessing's to collect."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def answer(argument: Any, connection: Connection) -> None:
    """Entry of a process that only says that it is there."""
    connection.send(argument)


def end_server() -> None:
    """End the fork server at once, also in the middle of its imports."""
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()


def constructors(config: Any) -> Iterable[str]:
    """Every constructor a configuration names."""
    plain = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    if isinstance(plain, dict):
        target = plain.get("_target_")
        if isinstance(target, str):
            yield target
        for value in plain.values():
            yield from constructors(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from constructors(value)


def _signal_group(pid: int, number: int) -> None:
    try:
        # The group exists once the trial has called setsid; before that the process is alone.
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        # The leader may be gone and leave others of its group behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
