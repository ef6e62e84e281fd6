"""What has run the trials of a table: program and commit, libraries, device; and which trials, where it differs."""

import contextlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sweeps.output import one_line
from sweeps.report.codes import among
from sweeps.study.codes import THEN, Codes
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial import journal
from sweeps.trial.bundle import unpack
from sweeps.trial.configured import config_in
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.ownership import is_own

_MAX_KINDS, _LONGEST = 8, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Trials that ran the same code with the same libraries on the same device, by what the first of them has left.

    Attributes:
        numbers: Of these trials.
        code: Digest of their code; empty where nobody knows.
        attempt: Fields of the journal's event of its last attempt, whatever a task has made of it.
        origins: What each of its attempts has run, as `Origin.as_facts` gives it.
        gpu: Name of the GPU that it has used.
        config: Its configuration as it was written.
        is_selected: Whether it has selected a step.
    """

    numbers: Sequence[int] = ()
    code: str = ""
    attempt: Mapping[str, Any] = field(default_factory=dict)
    origins: Sequence[Any] = ()
    gpu: str = ""
    config: Any = None
    is_selected: bool = False


def kinds_of(study: Study, trials: Sequence[TrialRow], codes: Codes) -> list[Kind]:
    """The kinds of these trials, of which there are at most eight here; at least one, maybe of nothing."""
    found: dict[tuple[str, str], list[TrialRow]] = {}
    for trial in trials:
        circumstances = trial.outcome.ran.circumstances if trial.outcome else ""
        found.setdefault((codes.of_trial(trial), circumstances), []).append(trial)
    told = itertools.islice(found.items(), _MAX_KINDS)
    return [kind_of(study, own, code) for (code, _), own in told] or [Kind()]


def programs(kinds: Sequence[Kind], of_study: Any) -> str:
    """Program and commit, and where that does not tell kinds apart, the digest of the code.

    Args:
        kinds: The kinds of a study's trials.
        of_study: The origin of the study's last command, for trials that say none.
    """
    each = [[program_of(origin or of_study) for origin in kind.origins or [None]] for kind in kinds]
    texts = [THEN.join(dict.fromkeys(filter(None, told))) for told in each]
    codes: dict[str, set[str]] = {}
    for text, kind in zip(texts, kinds, strict=True):
        codes.setdefault(text, set()).add(kind.code)
    told = [
        f"{text}, code {kind.code}" if text and kind.code and len(codes[text]) > 1 else text
        for text, kind in zip(texts, kinds, strict=True)
    ]
    return "; ".join(among(_numbers(zip(told, kinds, strict=True))))


def program_of(origin: Any) -> str:
    """File and commit of an origin, as `Origin.as_facts` gives it; empty where it says neither."""
    known = origin if isinstance(origin, Mapping) else {}
    source, commit = known.get("source"), known.get("commit")
    at = f"commit {str(commit)[:12]}{' and changes' if known.get('is_dirty') else ''}" if commit else ""
    return " at ".join(filter(None, (source and str(source), at)))


def versions(kinds: Sequence[Kind]) -> str:
    """Each library with its version."""
    found: dict[str, list[tuple[str, Kind]]] = {}
    for kind in kinds:
        told = kind.attempt.get("versions")
        for name, version in told.items() if isinstance(told, dict) else ():
            found.setdefault(str(name), []).append((str(version), kind))
    return ", ".join(f"{name} {' and '.join(among(_numbers(told)))}" for name, told in found.items())


def devices(kinds: Sequence[Kind]) -> str:
    """Processor, and GPU where one was used."""
    told = [one_line(", ".join(filter(None, (str(k.attempt.get("device") or ""), k.gpu))), 2 * _LONGEST) for k in kinds]
    return "; ".join(among(_numbers(zip(told, kinds, strict=True))))


def _numbers(told: Iterable[tuple[str, Kind]]) -> dict[str, list[int]]:
    """Text to the numbers of all trials of which it is told."""
    found: dict[str, list[int]] = {}
    for text, kind in told:
        if text:
            found.setdefault(text, []).extend(kind.numbers)
    return found


def kind_of(study: Study, trials: Sequence[TrialRow], code: str = "") -> Kind:
    """What the first of these trials has left, for all of them."""
    numbers, config = [trial.number for trial in trials], None
    with left_by(study, trials[0]) as files:
        if files is None:
            return Kind(numbers=numbers, code=code)
        with contextlib.suppress(OSError, yaml.YAMLError, RecursionError):
            config = config_in(files.config.read_text(errors="replace"))
        attempts = journal.events(files.journal, "attempt") or [{}]
        gpus = [str(event.get("device") or "") for event in journal.events(files.journal, "device")]
        return Kind(
            numbers=numbers,
            code=code,
            attempt=attempts[-1],
            origins=[attempt.get("origin") for attempt in attempts],
            gpu=gpus[-1] if gpus else "",
            config=config,
            is_selected=bool(journal.events(files.journal, "selected")),
        )


@contextlib.contextmanager
def left_by(study: Study, trial: TrialRow) -> Iterator[TrialFiles | None]:
    """What a trial has left: on this machine, else in the database; None where neither has it."""
    directory, point = study.facts.get("directory"), trial.point
    own = StudyFiles(Path(directory)).trial(trial.number) if directory else None
    if own is not None and point is not None and own.journal.is_file() and is_own(own, point.key):
        yield own
        return
    archive = study.bundles.contents([trial.number]).get(trial.number)
    if archive is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder:
        unpack(archive, Path(folder))
        yield TrialFiles(Path(folder))
