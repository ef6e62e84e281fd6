"""How far one trial has been sent to the tracking server, and the next step of it."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.outcome import Failed, Outcome, kind
from sweeps.redact import text
from sweeps.tracking.cards import Tag, TrialCard, status_of
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.origins import tell_origin
from sweeps.tracking.steps import Steps
from sweeps.trial import journal
from sweeps.trial.artifacts import artifacts, content_of
from sweeps.trial.curves import curve, has_replaced
from sweeps.trial.files import write_text

_NOTED_LINES = 20


class Upload:
    """How far one trial has been sent.

    The mark beside the journal is only a saving: without it, or with one of another server, everything is sent again,
    and the server drops what it has.
    """

    def __init__(self, card: TrialCard, outcome: Outcome | None = None) -> None:
        self.card, self.outcome = card, outcome
        self.refused: Counter[str] = Counter()
        self._untold: dict[str, str] = {}
        self._offset = 0
        self._steps = Steps()
        self._run_id: str | None = None
        self.is_open = False
        """Whether the trial was handed back: it has no outcome, and nobody runs it."""

    def is_done(self, uri: str) -> bool:
        """Whether the server has had everything, as far as the mark tells."""
        mark = self._mark()
        size = _size(self.card.files.journal)
        is_of_this_version = "steps" in mark
        is_whole = mark.get("status") is not None and mark.get("offset") == size
        return mark.get("uri") == text(uri) and is_whole and is_of_this_version

    def advance(self, view: MlflowView) -> bool:
        """Send what is new; True when the trial has ended, or was handed back, and all of it is there."""
        # Read first: what the journal holds now is whole if the trial had ended before.
        outcome, is_open = self.outcome, self.is_open
        if self._run_id is None:
            self._open(view)
        assert self._run_id is not None
        records, offset = journal.read(self.card.files.journal, self._offset)
        if self._offset and has_replaced(records):
            self._replace(view, self._run_id)
            records, offset = journal.read(self.card.files.journal)
        self._untold.update(tell_origin(view, self._run_id, records, outcome is not None))
        self._send(view, self._run_id, self._steps.passed(curve(records), (journal.span_ms(records) or (0, 0))[1]))
        self._offset = offset
        if outcome is not None:
            self._close(view, self._run_id, outcome)
        elif is_open:
            view.send(self._run_id, (), tags={Tag.STATE: "open"})
            view.put_back(self._run_id)
        self._save(view.uri, status_of(outcome) if outcome else None)
        return outcome is not None or is_open

    def complaints(self) -> list[str]:
        """A line for each thing that the server has refused since the last call; it is given up."""
        lines = [f"MLflow refuses {what} of trial {self.card.number}: {why}" for what, why in self._untold.items()]
        self._untold.clear()
        return lines

    def restart(self) -> None:
        """Forget how far it was."""
        self._offset, self._run_id, self._steps = 0, None, Steps()
        self.refused.clear()
        (self.card.files.upload_mark).unlink(missing_ok=True)

    def _replace(self, view: MlflowView, run_id: str) -> None:
        """Take a new run for an attempt that started again: MLflow forgets no sample of the earlier one."""
        view.send(run_id, (), tags={Tag.ROLE: "superseded", Tag.TRIAL: f"superseded-{run_id}"})
        view.end(run_id, "KILLED")
        self.restart()
        self._open(view)

    def _open(self, view: MlflowView) -> None:
        mark = self._mark()
        span = self.card.span_ms(self.outcome)
        self._run_id = view.child(self.card, span[0] if span else None)
        if mark.get("uri") == text(view.uri) and mark.get("run_id") == self._run_id:
            self._offset, self._steps = mark["offset"], Steps(mark.get("steps"))
            self.refused.update(mark.get("refused") or {})
        else:
            now = span[0] if span else time.time_ns() // 1_000_000
            numbers = [journal.Sample(name, value, 0, now) for name, value in self.card.numbers.items()]
            self._untold.update(view.send(self._run_id, numbers, params=self.card.params(self.card.written())))
        if self.outcome is None and not self.is_open:
            view.send(self._run_id, (), tags={Tag.STATE: "running"})
            view.resume(self._run_id)

    def _send(self, view: MlflowView, run_id: str, samples: Sequence[journal.Sample]) -> None:
        refused = view.send(run_id, samples)
        self.refused.update(what.removeprefix("metric ") for what, _ in refused)
        self._untold.update(refused)

    def _close(self, view: MlflowView, run_id: str, outcome: Outcome) -> None:
        returned = self.card.returned(outcome)
        self._send(view, run_id, [*self._steps.passed(returned, 0), *self._steps.rest(), *self.card.best(outcome)])
        self._send(view, run_id, self.card.cost(outcome))
        num_samples = len(self.card.samples(outcome))
        written = self.card.written()
        tags = {**self.card.tags(written), Tag.STATE: kind(outcome), Tag.NUM_SAMPLES: str(num_samples)}
        if self.refused:
            tags[Tag.REFUSED] = json.dumps(self.refused)
        if isinstance(outcome, Failed):
            tags |= {Tag.CAUSE: outcome.cause, Tag.DETAIL: outcome.detail[:1000]}
            tags["mlflow.note.content"] = _note(outcome)
            view.attach(run_id, "log_tail.txt", outcome.log_tail)
        self._untold.update(view.send(run_id, (), params=self.card.params(written), tags=tags))
        if written.config_text is not None:
            view.attach(run_id, "config/config.yaml", written.config_text)
        for name, path in artifacts(self.card.files):
            view.attach(run_id, name, content_of(path))
        span = self.card.span_ms(outcome)
        view.end(run_id, status_of(outcome), span[1] if span else None)

    def _mark(self) -> Mapping[str, Any]:
        try:
            mark = json.loads((self.card.files.upload_mark).read_text())
        except (OSError, ValueError):
            return {}
        return mark if isinstance(mark, dict) else {}

    def _save(self, uri: str, status: str | None) -> None:
        if not self.card.files.directory.is_dir():
            return  # the trial's process has not begun
        mark: dict[str, Any] = {"uri": text(uri), "run_id": self._run_id, "offset": self._offset, "status": status}
        mark["steps"] = self._steps.state()
        mark |= {"refused": dict(self.refused)} if self.refused else {}
        write_text(self.card.files.upload_mark, json.dumps(mark))


def _note(failed: Failed) -> str:
    """Cause and last lines as a run's description; indented, so that they are text, whatever they hold."""
    lines = failed.log_tail.splitlines()[-_NOTED_LINES:]
    shown = [f"**{failed.cause}**", f"    {failed.detail}"]
    if lines:
        shown += ["Its last lines:", "\n".join(f"    {line}" for line in lines)]
    return "\n\n".join(shown)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
