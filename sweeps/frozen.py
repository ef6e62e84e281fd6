"""A worker of a study composes from the files that the study keeps, whatever lies on its own machine."""

import os
from typing import TYPE_CHECKING

from hydra.core.config_search_path import ConfigSearchPath

from sweeps.command import SOURCES_OF

if TYPE_CHECKING:
    from hydra.plugins.config_source import ConfigSource


def put_in_place(search_path: ConfigSearchPath) -> None:
    """Let Hydra find the study's files in the place of the application's own, before it has composed anything."""
    name = os.environ.pop(SOURCES_OF, None)
    main = next((place for place in search_path.get_path() if place.provider == "main"), None)
    if name is None or main is None or not main.path:
        return
    from sweeps.exits import one_line_errors

    with one_line_errors():
        main.path = _folder_of(name, main.path) or main.path


def _folder_of(name: str, own: str) -> str | None:
    """The place of the study's files on this machine; None where it keeps none."""
    from sweeps.identity.sources import text_of
    from sweeps.settings import default_storage
    from sweeps.study.storage import Database
    from sweeps.study.study import Study

    database = Database(default_storage(), is_view=True)
    try:
        kept = Study(database, name).sources.latest()
    finally:
        database.close()  # the worker has a connection of its own
    if kept is None or not kept.files:
        return None
    source = _source_of(own)
    return f"file://{kept.written(lambda path: text_of(source, path) if source else None)}"


def _source_of(path: str) -> "ConfigSource | None":
    from hydra._internal.core_plugins.file_config_source import FileConfigSource
    from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource

    kinds: dict[str, type[ConfigSource]] = {"file": FileConfigSource, "pkg": ImportlibResourcesConfigSource}
    scheme = path.partition("://")[0] if "://" in path else "file"
    return kinds[scheme]("main", path if "://" in path else f"file://{path}") if scheme in kinds else None
