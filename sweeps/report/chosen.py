"""Which trials a table is of: `--where KEY=VALUE`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweeps.errors import StudyError, did_you_mean
from sweeps.space import is_key
from sweeps.values import typed, value_of

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

_MAX_VALUES = 20


def where(trials: "Trials", asked: Sequence[str]) -> "Trials":
    """The trials whose overrides have these values; keys that vary no more are none of the table's.

    Args:
        trials: The trials of one study or of several.
        asked: `KEY=VALUE` each. Of one key any of its values is enough, of several keys each has to agree.

    Raises:
        StudyError: There is no such key, or no trial has the value.
    """
    wanted: dict[str, list[str]] = {}
    for text in asked:
        key, sign, value = text.partition("=")
        if not sign:
            raise StudyError(f"--where={text} has no value: KEY=VALUE.")
        wanted.setdefault(_column(trials, key), []).append(value)
    for column, values in wanted.items():
        cells = trials.overrides[column]
        trials = trials.chosen(cells.index[[any(_is(cell, column, v) for v in values) for cell in cells]])
        missing = next((v for v in values if not any(_is(cell, column, v) for cell in trials.overrides[column])), None)
        if missing is not None:
            known = did_you_mean(missing, list(dict.fromkeys(map(str, cells.dropna())))[:_MAX_VALUES])
            raise StudyError(f"--where={column.lstrip('+')}={missing}: no trial has it. Values: {known}")
    return replace(trials, varied=tuple(key for key in trials.varied if key not in wanted or _varies(trials, key)))


def _column(trials: "Trials", key: str) -> str:
    found = [str(name) for name in trials.overrides if name == key] or [
        str(name) for name in trials.overrides if is_key(str(name), key)
    ]
    if not found:
        known = did_you_mean(key, [str(name).lstrip("+") for name in trials.overrides])
        raise StudyError(f"--where={key}: no trial has such an override. Overrides: {known}")
    return found[0]


def _is(cell: Any, column: str, text: str) -> bool:
    """Whether a value is the one of a text: as it is shown, or as Hydra reads it."""
    if str(cell) == text:
        return True
    try:
        meant = value_of(column, text)
    except Exception:  # no value of Hydra's grammar: then it is only what is shown
        return False
    return bool(cell == meant) and isinstance(cell, bool) == isinstance(meant, bool)


def _varies(trials: "Trials", key: str) -> bool:
    return len({typed(value) for value in trials.overrides[key]}) > 1
