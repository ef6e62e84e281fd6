"""What the page says in words: what was asked, what varied, what was fixed, and what it ran on."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sweeps.output import counted
from sweeps.report.averages import best_first
from sweeps.report.best import best_lines
from sweeps.report.findings import Findings, followed
from sweeps.report.lines import aim, duration
from sweeps.report.typed import asked_by
from sweeps.space import REPLICATE_KEY, is_key
from sweeps.study.study import Study
from sweeps.trial import journal
from sweeps.trial.files import TrialFiles

_MAX_VALUES, _MAX_CONFIG = 16, 20_000
_STATES = ("completed", "failed", "pruned", "skipped", "running", "open")


def summary(findings: Findings) -> str:
    """How many trials, how they ended, how long they took, and what the study is after."""
    trials = [trial for _, trial in findings.rows]
    states = Counter(trial.state for trial in trials)
    told = ", ".join(f"{states[state]:,} {state}" for state in _STATES if states[state])
    spent_s = sum(trial.outcome.duration_s for trial in trials if trial.outcome)
    spent = f"{duration(spent_s)} of compute"
    return f"{counted(len(trials), 'trial')}: {told or 'none'}. {spent}. {aim(findings.studies[0])}."


def best(findings: Findings) -> list[str]:
    """The best trial or cell of each study, with the command that repeats it."""
    found = []
    for study in findings.studies:
        lines = [" ".join(line.split()) for line in best_lines(study, study.current_trials())]
        found += [f"{study.name}: {lines[0]}", *lines[1:]] if lines and len(findings.studies) > 1 else lines
    return found


def commands(findings: Findings) -> list[Mapping[str, str]]:
    """Name and command of each study."""
    return [{"name": study.name, "command": asked_by(study)} for study in findings.studies]


def space(findings: Findings) -> list[tuple[str, str]]:
    """Each key that varies, with its values, seeds last."""
    points = [trial.point for _, trial in findings.rows if trial.point]
    keys = dict.fromkeys(key for point in points for key in point.varied)
    seeds = {study.facts.get("seed_key", REPLICATE_KEY) for study in findings.studies}
    ordered = sorted(keys, key=lambda key: any(is_key(key, seed) for seed in seeds))
    return [
        (key.lstrip("+"), _listed(dict.fromkeys(point.overrides.get(key, "") for point in points))) for key in ordered
    ]


def _listed(values: Mapping[str, None]) -> str:
    found = [value for value in values if value]
    left = f", ... ({len(found):,} values)" if len(found) > _MAX_VALUES else ""
    return f"{', '.join(found[:_MAX_VALUES])}{left}"


def fixed(findings: Findings) -> list[tuple[str, str]]:
    """Overrides that were typed and are the same in all points."""
    points = [trial.point for _, trial in findings.rows if trial.point]
    varied = {key for point in points for key in point.varied}
    first = points[0].overrides if points else {}
    same = {key: value for key, value in first.items() if all(point.overrides.get(key) == value for point in points)}
    return [(key.lstrip("+"), value) for key, value in same.items() if key not in varied]


def versions(findings: Findings) -> list[tuple[str, str]]:
    """When it ran, program and commit, versions and devices, each kind once."""
    told: dict[str, dict[str, None]] = {}
    for name, value in (*itertools.chain(*map(_when, findings.studies)), *_run_by(findings)):
        told.setdefault(name, {})[value] = None
    return [(name, ", ".join(values)) for name, values in told.items()]


def _run_by(findings: Findings) -> Iterator[tuple[str, str]]:
    """What has run a trial of each cell; where none says the program, that of the study's last command."""
    files = _followed(findings)
    attempts = [event for each in files for event in journal.events(each.journal, "attempt")]
    origins = [attempt["origin"] for attempt in attempts if isinstance(attempt.get("origin"), Mapping)]
    of_commands = [(study.facts.get("command") or {}).get("origin") or {} for study in findings.studies]
    for origin in origins or of_commands:
        yield from _origin(origin)
    for attempt in attempts:
        known = attempt.get("versions")
        yield from ((str(name), str(value)) for name, value in (known.items() if isinstance(known, dict) else ()))
        if attempt.get("device"):
            yield "device", str(attempt["device"])
    for each in files:
        yield from (("GPU", str(event.get("device"))) for event in journal.events(each.journal, "device"))


def _when(study: Study) -> list[tuple[str, str]]:
    times = [event.at for event in study.events()]
    if not times:
        return []
    first, last = (f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %Z}" for at in (min(times), max(times)))
    return [("began", first), ("last event", last)]


def _origin(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    dirty = " (with changes that are not committed)" if origin.get("is_dirty") else ""
    commit = f"{origin['commit']}{dirty}" if origin.get("commit") else ""
    found = (("program", origin.get("source")), ("commit", commit), ("repository", origin.get("repository")))
    return [(name, str(value)) for name, value in found if value]


def _followed(findings: Findings) -> list[TrialFiles]:
    found = followed(findings.trials, findings.cells, findings.rows)
    return [findings.files[i].trial(number) for _, (i, number) in found]


def config(findings: Findings) -> Mapping[str, str] | None:
    """The configuration of a trial of the best cell; None where its file is not known."""
    ranked = best_first(findings.trials, findings.cells)
    if not ranked:
        return None
    label = findings.cells.labels[ranked[0]]
    name = findings.cells.names[ranked[0]]
    rows: Sequence[Any] = findings.rows
    states = findings.trials.own["state"]
    for (i, trial), cell, state in zip(rows, findings.trials.cells, states, strict=True):
        path = findings.files[i].trial(trial.number).config
        if cell == label and state == "completed" and path.is_file():
            text = path.read_text(errors="replace")
            cut = "\n..." if len(text) > _MAX_CONFIG else ""
            return {"of": f"trial {trial.number} ({name})", "text": f"{text[:_MAX_CONFIG]}{cut}"}
    return None
