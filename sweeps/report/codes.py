"""Which code has run the trials of a table, and which data they have read: told where it is not the same in all."""

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sweeps.output import counted, one_line
from sweeps.ran import files_now
from sweeps.report.cells import DATA
from sweeps.study.codes import THEN, Codes
from sweeps.study.records import TrialRow
from sweeps.study.study import Study

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

_MAX_CODES, _MAX_SPANS, _MAX_FILES, _MAX_STUDIES = 4, 6, 3, 3


def data_of(trial: TrialRow) -> str:
    """Name of each data set that a trial has read to its digest, as JSON."""
    return json.dumps(dict(trial.outcome.ran.data) if trial.outcome else {}, sort_keys=True)


def are_different(codes: Iterable[str]) -> bool:
    """Whether trials with these codes have run more than one."""
    return len({code for each in codes if each for code in each.split(THEN)}) > 1


def note_of_codes(trials: "Trials") -> str:
    """Says of a table's completed trials which code each ran; empty where it is the same, or known of none."""
    codes = trials.code.tolist()
    if not are_different(codes):
        return ""
    return f"The trials of this table are of different code: {_who(trials, codes, 'ran {}')}."


def notes_of_data(trials: "Trials") -> Iterator[str]:
    """Says of each data set which content each trial has read, where that differs and no key of the trial explains it.

    Keys of data sets and the seed may choose another content of the same name.
    """
    chosen = [key for key in map(str, trials.overrides) if re.split(r"[./@]", key.lstrip("+"))[0] in DATA]
    alike = zip(trials.seeds, *(map(str, trials.overrides[key]) for key in chosen), strict=True)
    asked = dict[tuple[str, Hashable], set[str]]()
    read = [json.loads(told) for told in trials.data]
    for place, told in zip(alike, read, strict=True):
        for name, digest in told.items():
            asked.setdefault((name, place), set()).add(digest)
    for name in dict.fromkeys(name for (name, _), digests in asked.items() if len(digests) > 1):
        who = _who(trials, [told.get(name, "") for told in read], "{}")
        yield f"The trials of this table have read different data by the name of {one_line(name)}: {who}."


def _who(trials: "Trials", told: Sequence[str], what: str) -> str:
    """Which trials are of which text; those of an empty one are left out."""
    numbers = trials.own["trial"].tolist()
    studies = trials.overrides[trials.varied[0]].tolist() if trials.is_joined else [""] * len(numbers)
    found: dict[str, dict[str, list[int]]] = {}
    for number, study, text in zip(numbers, studies, told, strict=True):
        if text:
            found.setdefault(text, {}).setdefault(study, []).append(number)
    parts = [f"{_of_studies(own)} {what.format(text)}" for text, own in found.items()]
    left = len(parts) - _MAX_CODES
    return "; ".join([*parts[:_MAX_CODES], *([f"{left} more"] if left > 0 else [])])


def _of_studies(numbers: Mapping[str, Sequence[int]]) -> str:
    """`trials 0, 1`, or `trials 0, 1 of one and trial 3 of two`; without names where these are too many."""
    if len(numbers) > _MAX_STUDIES:
        return counted(sum(map(len, numbers.values())), "trial")
    told = [_told(sorted(own)) + (f" of {one_line(study)}" if study else "") for study, own in numbers.items()]
    return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))


def other_code(study: Study, trials: Sequence[TrialRow], root: str) -> str:
    """Says which completed trials ran other code than there is now; empty where none has, or it is not known.

    Args:
        study: The study.
        trials: Those that are looked at.
        root: The project's folder on this machine.
    """
    done = [trial for trial in trials if trial.state == "completed"]
    codes = Codes.of([(study.facts, done)])
    changed = codes.changed(files_now(root, codes.names())) if root else {}
    others = [trial.number for trial in done if trial.outcome and changed.keys() & trial.outcome.ran.code]
    if not others:
        return ""
    whose = "All trials" if len(others) == len(done) else _told(sorted(others))
    files = told_files({name for names in changed.values() for name in names})
    return f"Code:    {whose} ran other code than there is now ({files}). A new study.name trains them with it."


def told_files(names: Iterable[str]) -> str:
    """Some of the names."""
    listed = sorted(names)
    left = len(listed) - _MAX_FILES
    return ", ".join([*map(one_line, listed[:_MAX_FILES]), *([f"{left} more"] if left > 0 else [])])


def among(texts: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Texts, each with the numbers of its trials where there are several texts."""
    for text, numbers in texts.items():
        yield f"{text} ({_told(sorted(numbers))})" if len(texts) > 1 else text


def _told(numbers: Sequence[int]) -> str:
    """`trial 3`, or `trials 0 to 3, 5`; the numbers grow."""
    spans: list[list[int]] = []
    for number in numbers:
        if not spans or number != spans[-1][-1] + 1:
            spans.append([])
        spans[-1].append(number)
    told = [f"{span[0]} to {span[-1]}" if span[2:] else ", ".join(map(str, span)) for span in spans[:_MAX_SPANS]]
    more = ", ..." if len(spans) > _MAX_SPANS else ""
    return f"{'trials' if numbers[1:] else 'trial'} {', '.join(told)}{more}"
