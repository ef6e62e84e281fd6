"""The Hydra application that a command sweeps: all its trials share it, so the fork server gets it once."""

import functools
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import spawn
from pathlib import Path
from typing import Any

from sweeps.identity.composition import compose
from sweeps.worker import lost_threads
from sweeps.worker.modules import modules_of
from sweeps.worker.paths import own_folders
from sweeps.worker.script import Script
from sweeps.worker.task import Task

_PATH_VARIABLE = "SWEEPS_APPLICATION"
_LENGTH_BYTES = 8
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a process needs to compose a trial's configuration and run it; plain pickle takes it.

    Attributes:
        task: The task function.
        script: Path of the script to import, where one was started that can be imported.
        main: Name under which its processes have that script, or the module that was started; empty: they cannot.
        main_globals: What their import of it lacks, pickled.
        modules: Modules that its trials import.
        sample: Overrides of one trial.
        state: Hydra's context, the sweep's composed configuration and the state of Hydra's singletons, pickled.
        folders: Where the command looks for modules of its own.
    """

    task: Task
    script: str
    main: str
    modules: tuple[str, ...]
    sample: tuple[str, ...]
    state: bytes
    folders: tuple[str, ...] = ()
    main_globals: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        task: Task,
        context: Any,
        config: Any,
        sample: Sequence[str],
        configs: Iterable[Any],
        preload: Sequence[str] = (),
    ) -> "Application":
        """The application of a sweep.

        Args:
            task: The task function.
            context: Hydra's context.
            config: The configuration composed without the swept overrides.
            sample: Overrides of one trial.
            configs: Configurations of trials; the modules of their constructors are imported once for all.
            preload: Further modules that are imported once for all.
        """
        from hydra.core.singleton import Singleton

        main = Script.running()
        # What multiprocessing itself tells a new process of the script that was started.
        script = str(spawn.get_preparation_data("").get("init_main_from_path", "")) if main.name else ""
        return cls(
            task=task,
            script=script,
            main=main.name or "",
            main_globals=main.globals(),
            modules=modules_of(task, context, configs, preload),
            sample=tuple(sample),
            # Hydra's state holds functions made at run time, which plain pickle refuses.
            state=main.pack((context, config, Singleton.get_state())),
            folders=own_folders(),
        )

    def import_script(self) -> None:
        """Import the script in this process, unless it is there.

        Raises:
            Exception: It cannot be imported.
        """
        if self.script:
            spawn._fixup_main_from_path(self.script)  # type: ignore[attr-defined]

    def find_task(self) -> Any:
        """The task, in a process of a trial.

        Raises:
            Exception: Its module, or the script, cannot be imported.
        """
        lost_threads.warn()
        self.import_script()  # it has failed before if it is not there: in the server, where nobody sees errors
        return self.task.find()

    @property
    def hydra_context(self) -> Any:
        return _opened(self.state)[0]

    @property
    def config(self) -> Any:
        """The configuration composed without the swept overrides."""
        return _opened(self.state)[1]

    def compose(self, overrides: Sequence[str]) -> Any:
        """The configuration with these overrides, as Hydra makes it for a job of a sweep."""
        from hydra.core.singleton import Singleton
        from hydra.core.utils import setup_globals

        context, config, singletons = _opened(self.state)
        setup_globals()
        Singleton.set_state(singletons)
        return compose(context.config_loader, config, overrides)


class Publication:
    """Lets the fork server, and all processes that come from it, find the application while this object lives.

    The application holds the command line, and with it what may be secret: it is in no folder. On Linux it is a file
    of memory that ends with this process, whatever ends it.

    Args:
        application: The application; None: `publish` brings it, and the server waits for it once it needs it.
    """

    def __init__(self, application: Application | None = None) -> None:
        if sys.platform == "linux":
            self._file = os.fdopen(os.memfd_create("sweeps-application"), "wb")
            os.environ[_PATH_VARIABLE] = f"/proc/{os.getpid()}/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile(prefix="sweeps-")  # noqa: SIM115 - mode 0600, open as long as it is looked for
            os.environ[_PATH_VARIABLE] = self._file.name
        if application is not None:
            self.publish(application)

    def publish(self, application: Application) -> None:
        """Write the application; its length comes last, so that nobody reads half of it."""
        content = pickle.dumps(application)
        self._file.seek(_LENGTH_BYTES)
        self._file.write(content)
        self._file.flush()
        self._file.seek(0)
        self._file.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@functools.cache
def published() -> Application:
    """The application of the command that this process belongs to."""
    path = Path(os.environ[_PATH_VARIABLE])
    while not int.from_bytes((found := path.read_bytes())[:_LENGTH_BYTES], "big"):
        time.sleep(_LOOK_S)  # the command still composes
    application: Application = pickle.loads(found[_LENGTH_BYTES:])
    return application


@functools.lru_cache(maxsize=1)
def _opened(state: bytes) -> tuple[Any, Any, Any]:
    opened: tuple[Any, Any, Any] = pickle.loads(state)
    return opened
