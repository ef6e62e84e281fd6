"""What a tracking server is told about studies and trials, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from sweeps.outcome import Outcome, kind
from sweeps.space import REPLICATE_KEY, Point, canonical
from sweeps.trial import journal
from sweeps.trial.files import TrialFiles

STATUS = {"completed": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCard:
    """A study as a parent run.

    Attributes:
        key: Unique over all databases; a new study of an old name gets runs of its own.
        name: Its name.
        params: What never changes: objective and direction.
        tags: What may change when the study is extended: its command.
    """

    key: str
    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCard:
    """A trial as a child run.

    Attributes:
        number: The trial's number.
        point: Its overrides.
        files: Its files on this machine.
    """

    number: int
    point: Point
    files: TrialFiles

    @property
    def run_name(self) -> str:
        """Number and what varies, short enough for a table's column."""
        varied = [f"{key.rsplit('.', 1)[-1]}={self.point.overrides[key]}" for key in self.point.varied]
        return f"{self.number:03d} {' '.join(varied)}".strip()[:250]

    @property
    def tags(self) -> dict[str, str]:
        """Trial number, seed, and a cell that replicates of one point share."""
        overrides = self.point.overrides
        varied = [f"{key}={overrides[key]}" for key in self.point.varied if key != REPLICATE_KEY]
        tags = {
            "run_role": "trial",
            "trial": str(self.number),
            "cell": " ".join(varied) or "default",
            "cell_key": self.point.cell_key,
        }
        config = self._config()
        arch = config.get("choices", {}).get("model") or overrides.get("model")
        seed = config.get("seed", overrides.get("seed"))
        return tags | {name: str(value) for name, value in (("arch", arch), ("seed", seed)) if value is not None}

    @property
    def params(self) -> dict[str, str]:
        """What the command line set, fixed and varied."""
        return {key.lstrip("+~"): value for key, value in self.point.overrides.items()}

    @property
    def numbers(self) -> dict[str, float]:
        """The swept numbers, which a server can only filter and sort as metrics."""
        found = {}
        for key in self.point.varied:
            value = canonical(key, self.point.overrides[key])
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[f"cfg/{key.lstrip('+~')}"] = float(value)
        return found

    @property
    def config_text(self) -> str | None:
        """The resolved configuration of the trial; None before it has started."""
        path = self.files.config
        return path.read_text() if path.is_file() else None

    def _config(self) -> dict[str, Any]:
        text = self.config_text
        loaded = yaml.safe_load(text) if text else {}
        choices = journal.events(self.files.journal, "attempt")[-1:]
        found = loaded if isinstance(loaded, dict) else {}
        return {**found, "choices": choices[0].get("choices", {}) if choices else {}}


def status_of(outcome: Outcome) -> str:
    """The tracking server's word for how a trial ended."""
    return STATUS[kind(outcome)]
