"""What a trial has written of itself, as its run shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import yaml

from sweeps.tracking.origins import attempt_tags
from sweeps.trial import journal
from sweeps.trial.files import TrialFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a trial has written of itself.

    Attributes:
        config_text: Its configuration, as the file has it; None before it has started.
        shown: `seed` and `tags` with their values; a configuration of an earlier version has them itself.
        choices: Group to option of its configuration.
        hyperparameters: What a Lightning run gives its loggers, nested.
        tags: Program, commit, user, versions and device of its last attempt.
    """

    config_text: str | None
    shown: Mapping[str, Any]
    choices: Mapping[str, str]
    hyperparameters: Mapping[str, Any]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, files: TrialFiles) -> Self:
        """What there is so far; reads two files, which a task may have spoilt."""
        text = files.config.read_bytes().decode(errors="replace") if files.config.is_file() else None
        told: dict[str, list[dict[str, Any]]] = {"attempt": [{}], "hyperparameters": [], "device": []}
        for record in journal.read(files.journal)[0]:
            told.get(str(record.get("event")), []).append(record)
        last, declared = told["attempt"][-1], told["hyperparameters"]
        is_of_today = "seed_key" in last  # an earlier version has said nothing of seed and tags there
        try:
            loaded = yaml.safe_load(text) if text and not is_of_today else {}
        except (yaml.YAMLError, RecursionError):
            loaded = {}
        return cls(
            config_text=text,
            choices=_table(last.get("choices")),
            shown={**_table(loaded), **last},
            tags=attempt_tags({**last, **(told["device"] or [{}])[-1]}),
            hyperparameters={key: value for event in declared for key, value in _table(event.get("values")).items()},
        )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
