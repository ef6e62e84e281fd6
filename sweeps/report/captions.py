"""What was fixed in the trials of a table: configuration, program, versions, device."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sweeps.output import counted, one_line
from sweeps.report.cells import data_keys
from sweeps.space import REPLICATE_KEY, is_key
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial import journal
from sweeps.trial.bundle import unpack
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.ownership import is_own

_TOLD = ("size", "select", "max_epochs", "num_epochs", "epochs", "max_steps", "batch_size")
"""Last parts of keys whose value a reader asks for, whether it was typed or not."""

_FACTS = {"fixed": "Fixed", "values": "Values", "program": "Program", "versions": "Versions", "device": "Device"}
_DEEPEST, _LONGEST, _MAX_SEEDS = 2, 60, 12


def caption(studies: Sequence[Study], trials: Sequence[Sequence[TrialRow]]) -> str:
    """What a table is of, a sentence each: trials and seeds, what was fixed, program and commit, versions, device.

    Args:
        studies: The studies.
        trials: Those of each study.
    """
    names = ", ".join(study.name for study in studies)
    seeds = [seed for study, own in zip(studies, trials, strict=True) for seed in _seeds(study, own)]
    num_trials = counted(sum(map(len, trials)), "trial")
    parts = [f"{'Studies' if studies[1:] else 'Study'} {names}: {num_trials}{_told_seeds(seeds)}."]
    facts = [_facts(study, own) for study, own in zip(studies, trials, strict=True)]
    for told, title in _FACTS.items():
        found = list(dict.fromkeys(filter(None, (fact[told] for fact in facts))))
        if found:
            parts.append(f"{title}: {'; '.join(found)}.")
    return " ".join(parts)


def _facts(study: Study, trials: Sequence[TrialRow]) -> dict[str, str]:
    done = next((trial for trial in trials if trial.state == "completed"), None)
    attempt: Mapping[str, Any] = {}
    config: Any = None
    selected = False
    if done is not None:
        with left_by(study, done) as files:
            attempt = (journal.events(files.journal, "attempt") or [{}])[-1] if files else {}
            selected = bool(files and journal.events(files.journal, "selected"))
            with contextlib.suppress(OSError, yaml.YAMLError, RecursionError):
                config = yaml.safe_load(files.config.read_text(errors="replace")) if files else None
    versions = attempt.get("versions")
    return {
        "fixed": ", ".join(f"{key}={value}" for key, value in _fixed(study, trials, attempt, config).items()),
        "values": "of the step that each trial has selected, as its checkpoint is" if selected else "",
        "program": _program(study),
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else "",
        "device": one_line(str(attempt.get("device") or ""), _LONGEST),
    }


def _fixed(study: Study, trials: Sequence[TrialRow], attempt: Mapping[str, Any], config: Any) -> dict[str, str]:
    """Groups of the data set, what was typed, and the values that readers ask for; of each what does not vary."""
    points = [trial.point for trial in trials if trial.point]
    keys = dict.fromkeys(key for point in points for key in point.overrides)
    plain = {key.lstrip("+") for key in keys if len({point.overrides.get(key) for point in points}) > 1}
    choices = attempt.get("choices")
    told = {key: str(choices[key]) for key in data_keys(list(choices))} if isinstance(choices, dict) else {}
    if points:
        told |= {key.lstrip("+"): text for key, text in points[0].overrides.items() if not key.startswith("~")}
    told |= {key: text for key, text in _asked_for(config) if key not in told}
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    return {
        key: one_line(text, _LONGEST) for key, text in told.items() if key not in plain and not is_key(key, seed_key)
    }


def _asked_for(config: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for key, value in config.items() if isinstance(config, dict) else ():
        if isinstance(value, dict) and len(path) + 1 < _DEEPEST:
            yield from _asked_for(value, (*path, str(key)))
        elif key in _TOLD and isinstance(value, str | int | float) and "${" not in str(value):
            yield ".".join((*path, str(key))), str(value)


def _seeds(study: Study, trials: Sequence[TrialRow]) -> list[str]:
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    return [seed for trial in trials if trial.point and (seed := trial.point.seed(seed_key))]


def _told_seeds(seeds: Sequence[str]) -> str:
    found = list(dict.fromkeys(seeds))
    listed = ", ".join(found) if len(found) <= _MAX_SEEDS else f"{found[0]} to {found[-1]}"
    return f", {counted(len(found), 'seed')} ({listed})" if found else ""


def _program(study: Study) -> str:
    origin = (study.facts.get("command") or {}).get("origin") or {}
    source, commit = origin.get("source"), origin.get("commit")
    at = f"commit {commit[:12]}{' and changes' if origin.get('is_dirty') else ''}" if commit else ""
    return " at ".join(filter(None, (source, at)))


def of_seconds(study: Study) -> str:
    """What a column of times has to say: how many trials a worker of the study ran at a time."""
    running: dict[str, set[int]] = {}
    most = 0
    for event in study.events():
        own = running.setdefault(event.worker, set())
        if event.what == "claimed":
            own.add(event.number)
            most = max(most, len(own))
        else:
            own.discard(event.number)
    at_once = f" while up to {counted(most, 'trial')} ran beside each other" if most > 1 else ""
    return f"Seconds are the median wall time, a trial's start included{at_once}."


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
