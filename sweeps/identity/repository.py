"""What git says of a project."""

import subprocess
from pathlib import Path

_GIT_S = 5.0


def git(root: Path, *arguments: str) -> str | None:
    """What a command of git prints in a folder; None where there is no git or no repository, or it takes too long."""
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def head_of(root: Path) -> str | None:
    """The whole hash of a repository's commit; None without one."""
    return git(root, "rev-parse", "HEAD")


def remote_of(root: Path) -> str | None:
    """The address that a repository was cloned from, as it is kept; None where there is none."""
    return git(root, "config", "--get", "remote.origin.url")


def revision_of(root: Path) -> str | None:
    """The short hash of the commit, with a plus where tracked files differ from it; None without one."""
    head = git(root, "rev-parse", "--short=12", "HEAD")
    if not head:
        return None
    return f"{head}+" if git(root, "status", "--porcelain", "--untracked-files=no") else head
