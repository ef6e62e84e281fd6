"""Runs a function from a file that its user has read and approved."""

import hashlib
import types
from pathlib import Path
from typing import Any

from trainer_pkg.errors import ConfigError


class Generated:
    """A function from a file, called like any other. The file has the function's name.

    Nothing of the file runs unless its SHA-256 is the approved one. Nothing is downloaded.

    Args:
        path: The file, as `python -m trainer_pkg.generate` has written it.
        sha256: SHA-256 of the content that the user has read; naming it here is the approval.

    Raises:
        ConfigError: The file is absent, not approved, has changed since, or defines no such function.

    Example:
        >>> written = Path("darken.py").write_text("def darken(image): return image // 2")
        >>> darken = Generated("darken.py", digest(Path("darken.py").read_bytes()))
        >>> darken(8)
        4
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        file = Path(path)
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
        found = digest(content)
        if sha256 is None:
            raise ConfigError(f"{path} is not approved: read it, then set sha256={found} beside its path.")
        if sha256 != found:
            raise ConfigError(f"{path} is not what was approved: its sha256 is {found}, approved is {sha256}.")
        self._made_of = (str(path), sha256)
        self._function = _function(file.stem, content, str(path))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __reduce__(self) -> Any:
        return type(self), self._made_of


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _function(name: str, content: bytes, path: str) -> Any:
    # Not imported: a file with the name of an installed package would give that package.
    module = types.ModuleType(f"generated.{name}")
    try:
        exec(compile(content, path, "exec"), vars(module))
    except Exception as error:
        raise ConfigError(f"{path} does not run: {type(error).__name__}: {error}.") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"{path} defines no function {name}.")
    return function
