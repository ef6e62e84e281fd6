"""The trials of a study as one file, from which its tables can be made where nothing else of the study is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sweeps.errors import StudyError, did_you_mean
from sweeps.report.chosen import where

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

FILE = "trials.json"
_VERSION = 1
_FRAMES = ("own", "overrides", "objectives", "metrics")
_LABELS = ("cells", "seeds", "code", "data")
_UNKNOWN = {"code": "", "data": "{}"}
"""What an earlier version has not written."""
_FACTS = ("varied", "directions", "returned", "is_drawn", "means", "implied", "scales")


@dataclass(frozen=True, slots=True)
class Portable:
    """The trials of a study, and what its tables say of it.

    Attributes:
        name: The study's name.
        trials: Its trials.
        text: What was fixed.
        of_seconds: What a column of times has to say.
    """

    name: str
    trials: "Trials"
    text: str = ""
    of_seconds: str = ""

    def to_json(self) -> str:
        """The content of the file: the same trials have the same bytes, and every digit is there."""
        frames = {name: getattr(self.trials, name).to_dict("list") for name in _FRAMES}
        labels = {name: getattr(self.trials, name).tolist() for name in _LABELS}
        facts = {name: getattr(self.trials, name) for name in _FACTS}
        told = {"version": _VERSION, "name": self.name, "caption": self.text, "seconds": self.of_seconds}
        return json.dumps({**told, **frames, **labels, **facts}, default=str)

    @classmethod
    def from_json(cls, content: str | bytes) -> Self:
        """What `to_json` has written.

        Raises:
            StudyError: A later version has written it, or it is no such file.
        """
        import pandas as pd

        from sweeps.report.frame import Trials

        try:
            told = json.loads(content)
            version = told["version"]
            if version != _VERSION:
                raise StudyError(f"{FILE} is of version {version}; this version of sweeps reads {_VERSION}.")
            rows = pd.RangeIndex(len(told["cells"]))
            fields: dict[str, Any] = {name: told[name] for name in _FACTS}
            fields |= {name: _frame(told[name], rows, is_of_objects=name == "overrides") for name in _FRAMES}
            told = {**{name: [text] * len(rows) for name, text in _UNKNOWN.items()}, **told}
            fields |= {name: pd.Series(told[name], index=rows, dtype=str) for name in _LABELS}
            fields |= {name: tuple(told[name]) for name in ("varied", "returned")}
            return cls(told["name"], Trials(**fields), told["caption"], told["seconds"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"{FILE} is not a study's: {error}.") from error

    def frame(self, asked: Sequence[str] = ()) -> "Trials":
        """The trials that `--where` chooses."""
        return where(self.trials, asked)

    def caption(self) -> str:
        return self.text

    def seconds(self) -> tuple[str, ...]:
        return (self.of_seconds,) if self.of_seconds else ()


def of_name(found: Sequence[str], name: str) -> StudyError:
    """What to say where a server has no such study, or not yet its file."""
    if name in found:
        return StudyError(f"Study {name!r} has no {FILE} there: it has not ended, or an earlier version has sent it.")
    return StudyError(f"The server has no study {name!r}. Studies: {did_you_mean(name, found)}")


def _frame(columns: dict[str, list[Any]], rows: Any, *, is_of_objects: bool) -> Any:
    import pandas as pd

    return pd.DataFrame(columns, index=rows, dtype=object if is_of_objects else None)
