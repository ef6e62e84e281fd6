"""Where results come from: program, revision and user of a command; versions and device of a trial."""

import contextlib
import functools
import getpass
import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from sweeps.identity.program import Program, source_of
from sweeps.identity.repository import head_of, remote_of
from sweeps.redact import without_credentials

_DISTRIBUTION = "hydra-sweeps"
_LIBRARIES = (
    "torch", "lightning", "pytorch_lightning", "torchvision", "transformers", "jax", "tensorflow", "sklearn", "xgboost",
    "lightgbm", "numpy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a command runs, and who typed it.

    Attributes:
        source: File of the program, inside its project.
        commit: The whole hash of the project's commit; None where there is no repository.
        is_dirty: Whether tracked files differ from that commit.
        repository: Address that it was cloned from, without user and password; None where there is none.
        user: Name of the user.
    """

    source: str = ""
    commit: str | None = None
    is_dirty: bool = False
    repository: str | None = None
    user: str = ""

    @classmethod
    def of(cls, program: Program, task: str) -> Self:
        """That of a command.

        Args:
            program: What it runs.
            task: `module:function` of the task function.
        """
        root = Path(program.root)
        remote = remote_of(root) if program.revision else None
        return cls(
            source=source_of(task, root),
            commit=head_of(root) if program.revision else None,
            is_dirty=(program.revision or "").endswith("+"),
            repository=without_credentials(remote) if remote and _is_elsewhere(remote) else None,
            user=_user(),
        )

    def as_facts(self) -> dict[str, Any]:
        """Plain values that a study and its trials keep."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a trial's process runs on.

    Attributes:
        versions: Name to version: of Python, of this package, and of the libraries that the application has imported.
        device: Name of the processor; that of a GPU is known once the trial has used it.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""

    @classmethod
    @functools.cache
    def here(cls) -> Self:
        """Those of this process; the fork server asks once for all trials."""
        versions = {"python": platform.python_version()}
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # a copy of the sources
            versions[_DISTRIBUTION] = importlib.metadata.version(_DISTRIBUTION)
        for name in _LIBRARIES:
            if version := getattr(sys.modules.get(name), "__version__", None):
                versions[name] = str(version)
        return cls(versions=versions, device=_processor())


def gpu_in_use() -> str | None:
    """Name of the GPU that this process computes on; None where it has started none. Starts none itself."""
    torch = sys.modules.get("torch")
    with contextlib.suppress(Exception):  # whatever a driver says: the trial's result does not depend on it
        if torch is not None and torch.cuda.is_initialized():
            return str(torch.cuda.get_device_name())
    return None


def _is_elsewhere(remote: str) -> bool:
    """Whether it is an address of a server, not a folder of this machine."""
    return not remote.startswith(("/", ".", "~", "file:")) and ":" in remote


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return ""
