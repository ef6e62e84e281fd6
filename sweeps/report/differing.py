"""What differs between a study and this machine, and between the configurations of a study."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource

from sweeps.identity.libraries import installed_versions
from sweeps.identity.sources import Sources, text_of
from sweeps.study.study import Study

_NOTHING = "Nothing differs: the files are those that the study keeps."


def differing_lines(study: Study) -> Iterator[str]:
    """Unified diffs of the configuration files, without secrets, and the versions that are others here."""
    kept = study.sources.all()
    if not kept:
        yield "The study keeps no configuration files: it has none, or is of an earlier version."
        return
    numbers = list(kept)
    found = [
        line
        for old, new in pairwise(numbers)
        for line in kept[old].differences(kept[new], (f"configuration {old}", f"configuration {new}"))
    ]
    provenance: dict[str, Any] = study.facts.get("provenance") or {}
    folder = _folder(provenance)
    if folder is None:
        yield f"The study's files are not on this machine ({', '.join(provenance.get('search_path') or ['none'])})."
    else:
        found += kept[numbers[-1]].differences(_now(kept[numbers[-1]], folder), ("study", "now"))
    now = installed_versions()
    versions = provenance.get("versions") or {}
    found += [f"{name} {old} -> {now.get(name, '(none)')}" for name, old in versions.items() if now.get(name) != old]
    yield from found or [_NOTHING]


def _folder(provenance: dict[str, Any]) -> Path | None:
    """The application's folder of configurations, where it is on this machine."""
    places = [Path(place.removeprefix("file://")) for place in provenance.get("search_path") or ()]
    return next((place for place in places if place.is_dir()), None)


def _now(kept: Sources, folder: Path) -> Sources:
    source = FileConfigSource("main", f"file://{folder}")
    texts = {path: text for path in kept.files if (text := text_of(source, path)) is not None}
    return Sources.of(texts, source)
