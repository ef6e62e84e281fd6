"""What was fixed in the trials of a table: configuration, program, versions, device."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.output import counted, one_line
from sweeps.report.cells import data_keys
from sweeps.report.origins import Kind, devices, kind_of, kinds_of, programs, versions
from sweeps.space import REPLICATE_KEY, is_key
from sweeps.study.codes import Codes
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.values import value_of

_TOLD = ("size", "select", "max_epochs", "num_epochs", "epochs", "max_steps", "batch_size")
"""Last parts of keys whose value a reader asks for, whether it was typed or not."""

_DEEPEST, _LONGEST, _MAX_SEEDS, _MAX_OPTIONS = 2, 60, 12, 24


def caption(studies: Sequence[Study], trials: Sequence[Sequence[TrialRow]]) -> str:
    """What a table is of, a sentence each: trials and seeds, what was fixed, program and commit, versions, device.

    Args:
        studies: The studies.
        trials: Those of each study.
    """
    names = [study.name for study in studies]
    seeds = [seed for study, own in zip(studies, trials, strict=True) for seed in _seeds(study, own)]
    num_trials = counted(sum(map(len, trials)), "trial")
    parts = [f"{'Studies' if studies[1:] else 'Study'} {', '.join(names)}: {num_trials}{_told_seeds(seeds)}."]
    codes = Codes.of((study.facts, own) for study, own in zip(studies, trials, strict=True))
    facts = [_facts(study, own, codes) for study, own in zip(studies, trials, strict=True)]
    common = _equal([fact.fixed for fact in facts])
    fixed = [_listed({key: text for key, text in fact.fixed.items() if key not in common}) for fact in facts]
    told = {"Fixed": "; ".join(filter(None, [_listed(common), *_of_each(names, fixed)]))}
    for title in facts[0].others:
        told[title] = "; ".join(_of_each(names, [fact.others[title] for fact in facts]))
    return " ".join([*parts, *(f"{title}: {text}." for title, text in told.items() if text)])


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _of_each(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """What is said of several studies: once where it is the same of all, else behind the name of each."""
    if len(set(texts)) == 1:
        return [texts[0]] if texts[0] else []
    return [f"{name}: {text}" for name, text in zip(names, texts, strict=True) if text]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is said of one study: what was fixed, and title to text of all else."""

    fixed: Mapping[str, str]
    others: Mapping[str, str]


def _facts(study: Study, trials: Sequence[TrialRow], codes: Codes) -> _Facts:
    done = [trial for trial in trials if trial.state == "completed"]
    kinds = kinds_of(study, done, codes)
    shapes = [*kinds, *(kind_of(study, [trial]) for trial in _of_each_option(done))]
    others = {
        "Values": "of the step that each trial has selected, as its checkpoint is" if kinds[0].is_selected else "",
        "Program": programs(kinds, (study.facts.get("command") or {}).get("origin")),
        "Versions": versions(kinds),
        "Device": devices(kinds),
    }
    return _Facts(_fixed(study, trials, shapes), others)


def _of_each_option(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """A trial of each value of each key that may choose a group's option: what is not typed may differ between them."""
    found: dict[tuple[str, str], TrialRow] = {}
    for trial in trials:
        for key, text in trial.point.overrides.items() if trial.point else ():
            if "." not in key and value_of(key, text).__class__ is str:
                found.setdefault((key, text), trial)
    return list({trial.number: trial for trial in found.values()}.values())[:_MAX_OPTIONS]


def _fixed(study: Study, trials: Sequence[TrialRow], shapes: Sequence[Kind]) -> dict[str, str]:
    """Groups of the data set, what was typed, and the values that readers ask for; of each what does not vary."""
    points = [trial.point for trial in trials if trial.point]
    keys = dict.fromkeys(key for point in points for key in point.overrides)
    plain = {key.lstrip("+") for key in keys if len({point.overrides.get(key) for point in points}) > 1}
    told = _equal([_data_of(shape.attempt.get("choices")) for shape in shapes])
    if points:
        told |= {key.lstrip("+"): text for key, text in points[0].overrides.items() if not key.startswith("~")}
    asked_for = _equal([dict(_asked_for(shape.config)) for shape in shapes])
    told |= {key: text for key, text in asked_for.items() if key not in told}
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    return {
        key: one_line(text, _LONGEST) for key, text in told.items() if key not in plain and not is_key(key, seed_key)
    }


def _equal(found: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What is the same in all of them."""
    return {key: text for key, text in found[0].items() if all(other.get(key) == text for other in found[1:])}


def _data_of(choices: Any) -> dict[str, str]:
    return {key: str(choices[key]) for key in data_keys(list(choices))} if isinstance(choices, dict) else {}


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
