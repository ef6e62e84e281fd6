"""The configuration files of an application, as a study keeps them: every machine composes its trials from these.

What is kept are the files below the application's own folder that were read, and the other options of their groups.
No secret is: its place is filled from the file of the machine that composes.
"""

import difflib
import importlib.resources
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from hydra.plugins.config_source import ConfigSource
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.errors import OmegaConfBaseException

from sweeps.errors import StudyError
from sweeps.redact import tree
from sweeps.secret_names import HIDDEN
from sweeps.values import digest

_ENDINGS = (".yaml", ".yml")
_MAX_MB = 8
"""A folder that holds more is no folder of configurations; what was read of it is kept alone."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Files by their path below the folder of configurations.

    Attributes:
        files: Path to text, without secrets.
    """

    files: Mapping[str, str]

    @classmethod
    def of(cls, texts: Mapping[str, str], main: ConfigSource | None) -> Self:
        """Those of a command.

        Args:
            texts: Hydra's name of each file of the application that was read, to what it said.
            main: The application's own folder or package; None: it has none.
        """
        read = {_path(name): text for name, text in texts.items()}
        around: dict[str, str] = {}
        if main is not None:
            for group in sorted({path.rpartition("/")[0] for path in read}):
                around |= {path: text for path, text in _options(main, group) if path not in read}
        if sum(map(len, around.values())) > _MAX_MB * 1e6:
            around = {}
        return cls({path: _without_secrets(text) for path, text in sorted({**around, **read}.items())})

    @property
    def digest(self) -> str:
        return digest(dict(self.files))

    def packed(self) -> bytes:
        return zlib.compress(json.dumps(dict(self.files)).encode())

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        return cls(json.loads(zlib.decompress(content)))

    def written(self, local: Callable[[str], str | None]) -> Path:
        """A folder of this user that holds the files; it is made once for all processes of a machine.

        Args:
            local: What the file of a path says on this machine; None where there is none.

        Raises:
            StudyError: A secret is not here, or the folder is another user's.
        """
        filled = {path: _filled(path, text, local) for path, text in self.files.items()}
        place = Path(tempfile.gettempdir(), f"sweeps-sources-{os.getuid()}")
        place.mkdir(mode=0o700, exist_ok=True)
        if place.stat().st_uid != os.getuid() or place.is_symlink():
            raise StudyError(f"{place} is another user's folder. Set TMPDIR to one of your own.")
        folder = place / digest(filled)
        if not folder.is_dir():
            part = Path(tempfile.mkdtemp(dir=place))
            for path, text in filled.items():
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                (part / path).write_text(text)
            try:
                part.rename(folder)
            except OSError:  # another process was first
                _remove(part)
        return folder

    def differences(self, other: "Sources", names: tuple[str, str]) -> Iterator[str]:
        """What other files say otherwise, as lines of unified diffs.

        Args:
            other: The other files.
            names: What the two are called.
        """
        for path in sorted(self.files.keys() | other.files.keys()):
            old, new = (each.files.get(path, "").splitlines() for each in (self, other))
            yield from difflib.unified_diff(old, new, f"{names[0]}/{path}", f"{names[1]}/{path}", n=1, lineterm="")


def text_of(source: ConfigSource, name: str) -> str | None:
    """What a file of a folder or package says; None where there is none, or it is neither."""
    path = _path(name)
    if source.scheme() == "file":
        return _read(Path(source.path) / path)
    if source.scheme() == "pkg":
        module = source.path.replace("/", ".").strip(".")
        return _read(importlib.resources.files(module).joinpath(path)) if module else None
    return None


def _options(main: ConfigSource, group: str) -> Iterator[tuple[str, str]]:
    if main.scheme() == "file":
        folder: Any = Path(main.path) / group
    elif main.scheme() == "pkg" and main.path:
        folder = importlib.resources.files(main.path.replace("/", ".").strip(".")).joinpath(group)
    else:
        return
    if folder.is_dir():
        for file in folder.iterdir():
            if file.name.endswith(_ENDINGS) and (text := _read(file)) is not None:
                yield f"{group}/{file.name}".lstrip("/"), text


def _path(name: str) -> str:
    return name if name.endswith(_ENDINGS) else f"{name}.yaml"


def _read(file: Any) -> str | None:
    try:
        return str(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _without_secrets(text: str) -> str:
    """The text itself, or where it has a secret the same configuration without it."""
    plain = _parsed(text)
    kept = tree(plain)
    return text if kept == plain else _dumped(text, kept)


def _filled(path: str, text: str, local: Callable[[str], str | None]) -> str:
    """The text, with the secrets of the file that is on this machine."""
    plain = _parsed(text)
    if HIDDEN not in text:
        return text
    own = local(path)
    return _dumped(text, _with_secrets(plain, None if own is None else _parsed(own), path, ""))


def _with_secrets(kept: Any, own: Any, path: str, key: str) -> Any:
    if isinstance(kept, dict):
        has = own if isinstance(own, dict) else {}
        return {name: _with_secrets(value, has.get(name), path, f"{key}.{name}") for name, value in kept.items()}
    if isinstance(kept, list):
        of = own if isinstance(own, list) and len(own) == len(kept) else [None] * len(kept)
        return [_with_secrets(*pair, path, f"{key}.{place}") for place, pair in enumerate(zip(kept, of, strict=True))]
    if isinstance(kept, str) and HIDDEN in kept:
        if own is None:
            raise StudyError(f"{path} has a secret at {key.strip('.')}, which no study keeps. Write it into that file.")
        return own
    return kept


def _parsed(text: str) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError):
        return None  # Hydra says what is wrong with it


def _dumped(text: str, plain: Any) -> str:
    """The configuration as text, below the first comments of its file: they may say its package."""
    head = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        head.append(line)
    dumper = get_omega_conf_dumper()
    body = yaml.dump(plain, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper)
    return "\n".join([*head, str(body)])


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
