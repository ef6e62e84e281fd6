"""Which application a command runs: its place in its project, and the state of its code."""

import hashlib
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sweeps.identity import contents
from sweeps.identity.repository import git, revision_of

_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """An application.

    Attributes:
        name: Project, file inside the project, and function.
        root: The project's folder on this machine.
        code: Digest of the file that defines the task; empty where there is none.
        revision: Commit of the project's repository, with a plus where files differ from it; None without one.
        state: Digest of what differs from that commit; without a repository of the Python files beside the task.
    """

    name: str
    root: str
    code: str
    revision: str | None
    state: str = ""

    def is_same(self, known: "Program") -> bool:
        """Whether it is the application of another command: in one place, or elsewhere a copy of it."""
        is_here = self.root == known.root
        return self.name == known.name and (is_here or self.code == known.code or self.is_named)

    @property
    def is_named(self) -> bool:
        """Whether its project has a name of its own, more than that of a folder."""
        return not self.name.startswith("./")

    @property
    def identity(self) -> str:
        """Tells it apart from every other application."""
        return self.name if self.is_named else f"{self.root}:{self.name}"


def program_of(task: str) -> Program:
    """The application that this process runs.

    Args:
        task: `module:function` of the task function.
    """
    module, _, function = task.partition(":")
    file = _file_of(module)
    root = _root_of(file.parent if file else Path.cwd())
    place = file.relative_to(root).as_posix() if file else module
    revision = None if _is_installed(root) else revision_of(root)  # a repository around it knows nothing of it
    code = hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file else ""
    return Program(
        name=f"{_project_of(root)}/{place}:{function}",
        root=str(root),
        code=code,
        revision=revision,
        state=_state_of(root, file, revision),
    )


def source_of(task: str, root: Path) -> str:
    """The file of a task inside its project; the module where it has no file there."""
    module = task.partition(":")[0]
    file = _file_of(module)
    return file.relative_to(root).as_posix() if file and file.is_relative_to(root) else module


def _file_of(module: str) -> Path | None:
    names = ("__main__", "__mp_main__") if module == "__main__" else (module, "__main__")
    for name in names:
        main = sys.modules.get(name)
        spec = getattr(main, "__spec__", None)
        if name in (module, "__mp_main__") or (spec is not None and spec.name == module):
            path = Path(getattr(main, "__file__", None) or "")
            if path.is_file():
                return path.resolve()
    return None


def _root_of(folder: Path) -> Path:
    """The project around a folder; the folder itself where nothing says that there is one."""
    around = (folder, *folder.parents)
    if (installed := next((place for place in around if place.name == "site-packages"), None)) is not None:
        return installed
    return next((place for place in around if any((place / mark).exists() for mark in _MARKS)), folder)


def _project_of(root: Path) -> str:
    """The name that the project has on every machine; `./` and its folder where it has none."""
    if _is_installed(root):
        return root.name
    try:
        name = tomllib.loads((root / "pyproject.toml").read_text()).get("project", {}).get("name")
    except (OSError, ValueError, AttributeError):
        name = None
    return str(name or _remote_of(root) or f"./{root.name}")


def _remote_of(root: Path) -> str | None:
    """Owner and name of the repository it was cloned from, without the server's address and what else is in it."""
    try:
        config = (root / ".git" / "config").read_text()
    except (OSError, ValueError):
        return None
    found = re.search(r'\[remote "origin"\][^\[]*?\burl\s*=\s*(\S+)', config)
    place = found[1].partition("?")[0] if found else ""  # a query may hold a token
    parts = re.split(r"[/:]", place.removesuffix("/").removesuffix(".git")) if place else []
    return "/".join(parts[-2:]) or None


def _state_of(root: Path, file: Path | None, revision: str | None) -> str:
    """Digest of the code that no commit names; empty where there is none, or where it cannot be told."""
    if revision is not None:
        changes = git(root, "diff", "HEAD", "--", "*.py") if revision.endswith("+") else None
        return hashlib.sha256(changes.encode()).hexdigest()[:16] if changes else ""
    return contents.of_folder(file.parent) if file is not None and not _is_installed(root) else ""


def _is_installed(root: Path) -> bool:
    """Whether it is the folder of installed packages, which has no project and no repository."""
    return root.name == "site-packages"
