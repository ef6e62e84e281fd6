"""The configuration files of a sweep as they were when it started.

Trials compose hours later. What they read must be what the first one read, whoever edits a file meanwhile.
"""

import copy
import pickle
from collections.abc import Callable
from typing import Any

from hydra._internal.config_repository import IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from sweeps.identity.composition import Memory
from sweeps.identity.sources import Sources, text_of
from sweeps.values import digest, typed

_OF_HYDRA = ("hydra/", "_dummy")


class Snapshot(IConfigRepository):
    """Hydra's repository, which reads each file once and answers from memory afterwards.

    Hydra copies its repository for each configuration that it composes; the copies share what was read.

    Args:
        repository: Hydra's own.
        memory: What was read so far.
        merged: What was merged of it so far.
        texts: What the application's own files said, by Hydra's names.
    """

    def __init__(
        self,
        repository: Any,
        memory: dict[Any, Any] | None = None,
        merged: Memory | None = None,
        texts: dict[str, str] | None = None,
    ) -> None:
        self._repository = repository
        self._memory: dict[Any, Any] = {} if memory is None else memory
        self.merged = Memory() if merged is None else merged
        self._texts: dict[str, str] = {} if texts is None else texts

    def __deepcopy__(self, memo: Any) -> "Snapshot":
        return Snapshot(copy.deepcopy(self._repository, memo), self._memory, self.merged, self._texts)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """What a file says; a copy, since composing changes it."""
        found = self._remembered("config", config_path, lambda: self._read(config_path))
        return _copied(found)  # type: ignore[no-any-return]

    def group_exists(self, config_path: str) -> bool:
        return bool(self._remembered("group", config_path, lambda: self._repository.group_exists(config_path)))

    def config_exists(self, config_path: str) -> bool:
        return bool(self._remembered("exists", config_path, lambda: self._repository.config_exists(config_path)))

    def get_group_options(self, group_name: str, results_filter: ObjectType | None = ObjectType.CONFIG) -> list[str]:
        return list(self._repository.get_group_options(group_name, results_filter))

    def get_schema_source(self) -> ConfigSource:
        return self._repository.get_schema_source()  # type: ignore[no-any-return]

    def get_sources(self) -> list[ConfigSource]:
        return self._repository.get_sources()  # type: ignore[no-any-return]

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        self._repository.initialize_sources(config_search_path)

    def changed(self) -> list[str]:
        """Names of the files that say something else now."""
        files = ((key[1], *found) for key, found in self._memory.items() if key[0] == "config")
        own = (file for file in files if not file[0].startswith(_OF_HYDRA))
        return sorted({name for name, before, source in own if _content(before) != _content_now(source, name)})

    def digests(self) -> dict[str, str]:
        """What was read, by name."""
        files = ((key[1], found[0]) for key, found in self._memory.items() if key[0] == "config")
        return {name: digest(_content(result)) for name, result in files if not name.startswith(_OF_HYDRA)}

    def sources(self) -> Sources:
        """What a study keeps of the application's own files."""
        return Sources.of(self._texts, self._main())

    def _main(self) -> ConfigSource | None:
        return next((source for source in self._repository.get_sources() if source.provider == "main"), None)

    def _read(self, name: str) -> ConfigResult | None:
        found: ConfigResult | None = self._repository.load_config(name)
        main = self._main()
        if found is not None and main is not None and found.provider == "main":
            text = text_of(main, name)
            if text is not None:
                self._texts[name] = text
        return found

    def _remembered(self, kind: str, name: str, read: Callable[[], Any]) -> Any:
        key = (kind, name, tuple(source.path for source in self._repository.get_sources()))
        if key not in self._memory:
            self._memory[key] = (read(), self._repository)
        return self._memory[key][0]


def take_snapshot(loader: Any) -> Snapshot:
    """Let Hydra's loader read each file once from now on."""
    if not isinstance(loader.repository, Snapshot):
        loader.repository = Snapshot(loader.repository)
    return loader.repository  # type: ignore[no-any-return]


def _copied(found: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(found))  # six times faster
    except Exception:  # it holds what cannot be pickled
        return copy.deepcopy(found)


def _content(result: ConfigResult | None) -> str:
    if result is None:
        return ""
    return typed([OmegaConf.to_container(result.config, resolve=False), str(result.defaults_list)])


def _content_now(repository: Any, name: str) -> str:
    try:
        return _content(repository.load_config(name))
    except Exception:  # half written, or not readable any more: it does not say what it said
        return ""
