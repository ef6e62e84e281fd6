"""Which code has run the trials of a table: told where it is not the same in all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sweeps.output import counted
from sweeps.study.records import TrialRow

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

THEN = ", then "
_MAX_CODES, _MAX_SPANS = 4, 6


def ran(trial: TrialRow) -> str:
    """Digest of the code that has run a trial, of several one after the other; empty where nobody knows."""
    return THEN.join(trial.outcome.code) if trial.outcome else ""


def are_different(codes: Iterable[str]) -> bool:
    """Whether trials with these codes have run more than one."""
    return len({code for each in codes if each for code in each.split(THEN)}) > 1


def note_of_codes(trials: "Trials") -> str:
    """Says of a table's completed trials which code each ran; empty where it is the same, or known of none."""
    numbers = trials.own["trial"].tolist()
    found: dict[str, list[int]] = {}
    for number, code in zip(numbers, trials.code.tolist(), strict=True):
        if code:
            found.setdefault(code, []).append(number)
    if not are_different(found):
        return ""
    is_one_study = len(set(numbers)) == len(numbers)
    parts = [f"{_told(own) if is_one_study else counted(len(own), 'trial')} ran {code}" for code, own in found.items()]
    left = len(parts) - _MAX_CODES
    listed = "; ".join([*parts[:_MAX_CODES], *([f"{left} more"] if left > 0 else [])])
    return f"The trials of this table are of different code: {listed}."


def other_code(trials: Sequence[TrialRow], now: str) -> str:
    """Says which completed trials ran other code than a command has; empty where none has, or it is not known."""
    others = [trial.number for trial in trials if trial.state == "completed" and ran(trial) not in ("", now)]
    if not now or not others:
        return ""
    whose = "All trials" if len(others) == sum(trial.state == "completed" for trial in trials) else _told(others)
    return f"Code:    {whose} ran other code than there is now ({now}). A new study.name trains them with it."


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
