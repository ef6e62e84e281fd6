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
from sweeps.tracking.literal import block
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.origins import attempt_tags, data_of
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
        self._has_begun = False  # what is known at the start has been sent
        self._tags_first: dict[str, str] = {}
        """Tags that say that it runs, to be sent with what comes first."""
        self._sent: tuple[dict[str, str], dict[str, str]] = {}, {}
        """Params and tags that the run has by now."""
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
        run_id = self._run_id or self._open(view)
        if run_id is None:
            return False
        records, offset = journal.read(self.card.files.journal, self._offset)
        if self._offset and has_replaced(records):
            view.supersede(run_id)  # MLflow forgets no sample of the attempt that was replaced
            self.restart()
            return self.advance(view)
        self._untold.update(view.lineage.log_data(run_id, data_of(records)))
        attempts = [record for record in records if record.get("event") == "attempt"]
        tags = {**self._tags_first, **(attempt_tags(attempts[-1]) if attempts else {})}
        steps = Steps(self._steps.state())  # a copy: what fails is sent once more
        samples = steps.passed(curve(records), (journal.span_ms(records) or (0, 0))[1])
        if outcome is not None:
            returned = [*steps.passed(self.card.returned(outcome), 0), *steps.rest()]
            self._close(view, run_id, outcome, [*samples, *returned])
        elif is_open:
            self._send(view, run_id, samples, tags={**tags, Tag.STATE: "open"})
            view.put_back(run_id)
        else:
            self._send(view, run_id, samples, tags=tags)
        self._tags_first = {}
        self._offset, self._steps = offset, steps
        self._save(view.uri, status_of(outcome) if outcome else None)
        return outcome is not None or is_open

    def rebuild(self, view: MlflowView, run_id: str | None) -> None:
        """Send all of a trial that has ended, whatever has been sent: in four requests, where that is enough.

        Args:
            view: The server.
            run_id: The trial's run, whose samples are of this journal; None makes a new one.
        """
        self.restart()
        self._run_id = run_id or view.new_child(self.card, self._start_ms())
        self.advance(view)

    def complaints(self) -> list[str]:
        """A line for each thing that the server has refused since the last call; it is given up."""
        lines = [f"MLflow refuses {what} of trial {self.card.number}: {why}" for what, why in self._untold.items()]
        self._untold.clear()
        return lines

    def restart(self) -> None:
        """Forget how far it was."""
        self._offset, self._run_id, self._steps, self._has_begun = 0, None, Steps(), False
        self._tags_first, self._sent = {}, ({}, {})
        self.refused.clear()
        (self.card.files.upload_mark).unlink(missing_ok=True)

    def _start_ms(self) -> int:
        span = self.card.span_ms(self.outcome)
        return span[0] if span else time.time_ns() // 1_000_000

    def _open(self, view: MlflowView) -> str | None:
        """The trial's run; None where it is too early to tell whether the one that is there is of this journal."""
        mark, is_running = self._mark(), self.outcome is None and not self.is_open
        running: dict[str, str] = {Tag.STATE: "running"} if is_running else {}
        run_id, is_new = view.child(self.card, self._start_ms(), running)
        is_known = mark.get("uri") == text(view.uri) and mark.get("run_id") == run_id
        if not (is_new or is_known):
            if is_running and not journal.events(self.card.files.journal, "attempt"):
                return None
            if self.card.begins_late():
                view.supersede(run_id)  # its samples are of attempts that this journal does not have
                run_id, is_new = view.child(self.card, self._start_ms(), running)
        self._run_id = run_id
        if is_known:
            self._offset, self._steps = mark["offset"], Steps(mark.get("steps"))
            self.refused.update(mark.get("refused") or {})
            self._has_begun = True
        if is_running and not is_new:
            self._tags_first = running
            view.resume(run_id)
        return run_id

    def _send(
        self,
        view: MlflowView,
        run_id: str,
        samples: Sequence[journal.Sample],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Send samples, and new params and tags, the first time with what is known at the start."""
        params = dict(params or {})
        if not self._has_begun:
            awaited = self.card.awaited(self._start_ms()) if self.outcome is None else []
            samples, params = [*awaited, *samples], {**self.card.params(self.card.written()), **params}
        had_params, had_tags = self._sent
        new_params, new_tags = _changed(had_params, params), _changed(had_tags, tags or {})
        if samples or new_params or new_tags:
            refused = view.send(run_id, samples, new_params, new_tags)
            self.refused.update(what.removeprefix("metric ") for what, _ in refused if what.startswith("metric "))
            self._untold.update(refused)
            had_params.update(new_params)
            had_tags.update(new_tags)
        self._has_begun = True

    def _close(self, view: MlflowView, run_id: str, outcome: Outcome, samples: Sequence[journal.Sample]) -> None:
        ended = [*self.card.best(outcome), *self.card.kept(outcome), *self.card.cost(outcome)]
        # Last: a page that compares runs begins with the metric that came first, which is to be no input.
        swept = [journal.Sample(name, value, 0, self._start_ms()) for name, value in self.card.numbers.items()]
        written = self.card.written()
        num_samples = len(self.card.samples(outcome))
        tags = {**self.card.tags(written), Tag.STATE: kind(outcome), Tag.NUM_SAMPLES: str(num_samples)}
        if isinstance(outcome, Failed):
            tags |= {Tag.CAUSE: outcome.cause, Tag.DETAIL: outcome.detail[:1000]}
            tags["mlflow.note.content"] = _note(outcome)
        self._send(view, run_id, [*ended, *samples, *swept], self.card.params(written), tags)
        if self.refused:
            self._send(view, run_id, (), tags={Tag.REFUSED: json.dumps(self.refused)})
        for name, content in kept_files(self.card, outcome).items():
            view.attach(run_id, name, content)
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
        if not self.card.files.directory.is_dir():
            return  # the trial's process has not begun
        mark: dict[str, Any] = {"uri": text(uri), "run_id": self._run_id, "offset": self._offset, "status": status}
        mark["steps"] = self._steps.state()
        mark |= {"refused": dict(self.refused)} if self.refused else {}
        write_text(self.card.files.upload_mark, json.dumps(mark))


def kept_files(card: TrialCard, outcome: Outcome) -> dict[str, str | Path]:
    """Name and content of each file that the run of an ended trial has: a text, or a file as it is."""
    found: dict[str, str | Path] = {}
    if isinstance(outcome, Failed):
        found["log_tail.txt"] = outcome.log_tail
    if (config_text := card.written().config_text) is not None:
        found["config/config.yaml"] = config_text
    return found | {name: content_of(path) for name, path in artifacts(card.files)}


def _changed(had: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if had.get(name) != value}


def _note(failed: Failed) -> str:
    """Cause and last lines as a run's description; indented, so that they are text, whatever they hold."""
    lines = failed.log_tail.splitlines()[-_NOTED_LINES:]
    last = "\n".join(lines)
    shown = [f"**{failed.cause}**", *([] if failed.detail in last else [block(failed.detail)])]
    if lines:
        shown += ["Its last lines:", block(last)]
    return "\n\n".join(shown)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
