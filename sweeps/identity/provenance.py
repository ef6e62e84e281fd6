"""What a study was made of: its application, its configuration files and the values in them, and what has changed."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from omegaconf import DictConfig, OmegaConf

from sweeps.identity.libraries import installed_versions
from sweeps.identity.program import Program
from sweeps.redact import text, tree
from sweeps.values import digest, typed

_MAX_TOLD, _MAX_FILES = 3, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a command composes its trials from.

    Attributes:
        program: The application.
        config_name: Name of the primary configuration.
        search_path: Where configurations are looked for, on this machine.
        directory: The working directory.
        files: Name of each configuration file that was read to the digest of what it said.
        values: Dotted key to value, as written and without secrets, of the configuration without overrides.
        versions: Name of Python and of each library that decides about results, to its version.
    """

    program: Program
    config_name: str
    search_path: tuple[str, ...]
    directory: str
    files: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, program: Program, config: DictConfig, base: Mapping[str, Any], files: Mapping[str, str]
    ) -> "Provenance":
        """Those of a command.

        Args:
            program: The application.
            config: A composed configuration, with Hydra's own part.
            base: Plain containers of the configuration without overrides.
            files: Name of each file that was read to its digest.
        """
        sources = OmegaConf.to_container(config.hydra.runtime.config_sources)
        places = [f"{source['schema']}://{source['path']}" for source in sources]  # type: ignore[index,call-overload,union-attr]
        return cls(
            program=program,
            config_name=str(config.hydra.job.config_name),
            search_path=tuple(text(place) for place in places if not place.startswith(("pkg://hydra.", "structured:"))),
            directory=os.getcwd(),  # noqa: PTH109 - as Hydra has it
            files=dict(files),
            values=dict(flat(tree(base))),
            versions=installed_versions(),
        )

    def as_facts(self) -> dict[str, Any]:
        """Plain values that a study keeps."""
        return {**asdict(self), "digest": self.digest}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `as_facts` has made."""
        known = {key: value for key, value in facts.items() if key in cls.__dataclass_fields__}
        return cls(**{**known, "program": Program(**facts["program"]), "search_path": tuple(facts["search_path"])})

    @property
    def digest(self) -> str:
        """Of the application and of the configuration without overrides."""
        return digest([self.program.identity, self.config_name, dict(self.values)])[:8]

    def libraries_since(self, before: "Provenance") -> Iterator[str]:
        """Which libraries have another version."""
        for name in sorted(self.versions.keys() & before.versions.keys()):
            if (old := before.versions[name]) != (new := self.versions[name]):
                yield f"{name} {old} -> {new}"

    def code_changes_since(self, before: "Provenance") -> str | None:
        """What is different in the code of the application; None where nothing is, or it is another application."""
        old, new = before.program, self.program
        is_known = bool(old.state and new.state)  # an earlier version kept none
        if not new.is_same(old) or (
            (old.revision, old.code) == (new.revision, new.code) and not (is_known and old.state != new.state)
        ):
            return None
        if (old.revision, old.code) == (new.revision, new.code):
            return (
                f"files of {new.name.rpartition(':')[0]}'s project that are not committed"
                if new.revision
                else (f"files beside {new.name}")
            )
        if old.revision != new.revision:
            return f"revision {old.revision or '(none)'} -> {new.revision or '(none)'}"
        return f"{new.name} ({old.code} -> {new.code})"

    def changes_since(self, before: "Provenance") -> str:
        """What is different now, in a few words."""
        if not self.program.is_same(before.program):
            other = f"the application: {before.program.identity} -> {self.program.identity}"
            if self.program.is_named or before.program.is_named:
                return other
            return f"{other} (a name in pyproject.toml makes copies of a folder one application)"
        told = list(_differences(before.values, self.values))
        files = sorted(name for name, found in self.files.items() if before.files.get(name, found) != found)
        name = f"--config-name: {before.config_name} -> {self.config_name}"
        parts = [name] if self.config_name != before.config_name else []
        parts += _shortened(told or files, _MAX_TOLD if told else _MAX_FILES)
        if told and files[1:]:  # the values are those of the usual options; a point may choose another one's
            parts[-1] += f"; files: {', '.join(_shortened(files, _MAX_FILES))}"
        if not parts and self.search_path != before.search_path:
            parts.append(f"the search path: {', '.join(before.search_path)} -> {', '.join(self.search_path)}")
        return ", ".join(parts) or "the configuration"


def _shortened(listed: list[str], most: int) -> list[str]:
    left = len(listed) - most
    return [*listed[:most], f"{left} more"] if left > 0 else listed


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old != new:
            yield f"{key}: {'(none)' if old is None else old} -> {'(none)' if new is None else new}"


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as text; lists are values."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, (value if isinstance(value, str) else typed(value))
