"""Sends journals to the tracking server, beside the training and never in its way."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.outcome import Failed, Outcome, kind
from sweeps.redact import text
from sweeps.tracking.cards import Tag, TrialCard, status_of
from sweeps.tracking.complaints import is_refusal, reason, told
from sweeps.tracking.mlflow import MlflowView
from sweeps.trial import journal
from sweeps.trial.artifacts import artifacts, content_of
from sweeps.trial.curves import curve, has_replaced
from sweeps.trial.files import write_text

log = logging.getLogger(__name__)

_INTERVAL_S = 1.0
_MAX_PAUSE_S = 15.0
_LONGEST_CALL_S = 120.0  # longest wait at the end for a call that neither returns nor fails


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
        self._run_id: str | None = None

    def is_done(self, uri: str) -> bool:
        """Whether the server has had everything, as far as the mark tells."""
        mark = self._mark()
        size = _size(self.card.files.journal)
        return mark.get("uri") == text(uri) and mark.get("status") is not None and mark.get("offset") == size

    def advance(self, view: MlflowView) -> bool:
        """Send what is new; True when the trial has ended and all of it is there."""
        outcome = self.outcome  # read first: what the journal holds now is whole if the trial had ended before
        if self._run_id is None:
            self._open(view)
        assert self._run_id is not None
        records, offset = journal.read(self.card.files.journal, self._offset)
        if self._offset and has_replaced(records):
            self._replace(view, self._run_id)
            records, offset = journal.read(self.card.files.journal)
        self._send(view, self._run_id, list(curve(records)))
        self._offset = offset
        if outcome is not None:
            self._close(view, self._run_id, outcome)
        self._save(view.uri, status_of(outcome) if outcome else None)
        return outcome is not None

    def complaints(self) -> list[str]:
        """A line for each thing that the server has refused since the last call; it is given up."""
        lines = [f"MLflow refuses {what} of trial {self.card.number}: {why}" for what, why in self._untold.items()]
        self._untold.clear()
        return lines

    def restart(self) -> None:
        """Forget how far it was."""
        self._offset, self._run_id = 0, None
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
        span = journal.span_ms(journal.read(self.card.files.journal)[0])
        self._run_id = view.child(self.card, span[0] if span else None)
        if mark.get("uri") == text(view.uri) and mark.get("run_id") == self._run_id:
            self._offset = mark["offset"]
            self.refused.update(mark.get("refused") or {})
        else:
            now = span[0] if span else time.time_ns() // 1_000_000
            view.send(self._run_id, [journal.Sample(name, value, 0, now) for name, value in self.card.numbers.items()])
        if self.outcome is None:
            view.resume(self._run_id)

    def _send(self, view: MlflowView, run_id: str, samples: Sequence[journal.Sample]) -> None:
        refused = view.send(run_id, samples)
        self.refused.update(what.removeprefix("metric ") for what, _ in refused)
        self._untold.update(refused)

    def _close(self, view: MlflowView, run_id: str, outcome: Outcome) -> None:
        self._send(view, run_id, self.card.returned(outcome))
        num_samples = len(self.card.samples(outcome))
        written = self.card.written()
        tags = {**self.card.tags(written), Tag.STATE: kind(outcome), Tag.NUM_SAMPLES: str(num_samples)}
        if self.refused:
            tags[Tag.REFUSED] = json.dumps(self.refused)
        if isinstance(outcome, Failed):
            tags |= {Tag.CAUSE: outcome.cause, Tag.DETAIL: outcome.detail[:1000]}
            view.attach(run_id, "log_tail.txt", outcome.log_tail)
        self._untold.update(view.send(run_id, (), params=self.card.params(written), tags=tags))
        if written.config_text is not None:
            view.attach(run_id, "config/config.yaml", written.config_text)
        for name, path in artifacts(self.card.files):
            view.attach(run_id, name, content_of(path))
        span = journal.span_ms(journal.read(self.card.files.journal)[0])
        view.end(run_id, status_of(outcome), span[1] if span else None)

    def _mark(self) -> Mapping[str, Any]:
        try:
            mark = json.loads((self.card.files.upload_mark).read_text())
        except (OSError, ValueError):
            return {}
        return mark if isinstance(mark, dict) else {}

    def _save(self, uri: str, status: str | None) -> None:
        mark: dict[str, Any] = {"uri": text(uri), "run_id": self._run_id, "offset": self._offset, "status": status}
        mark |= {"refused": dict(self.refused)} if self.refused else {}
        write_text(self.card.files.upload_mark, json.dumps(mark))


class Uploader:
    """A thread that keeps the tracking server up to date.

    Args:
        connect: Makes the view; called in the thread, since it imports MLflow and speaks to the server.
        warn: Shows the user one line; called once however often the server fails, and once per thing it refuses.
    """

    def __init__(self, connect: Callable[[], MlflowView], warn: Callable[[str], None]) -> None:
        self._connect, self._warn = connect, warn
        self._uploads: dict[int, Upload] = {}
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._finish: Callable[[MlflowView], None] | None = None
        self._num_attempts = 0
        self._has_warned = False
        self._failed_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="uploader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, card: TrialCard, outcome: Outcome | None = None) -> None:
        """Follow a trial from now on; with an outcome, send what it left behind."""
        with self._guard:
            self._uploads[card.number] = Upload(card, outcome)

    def end(self, number: int, outcome: Outcome) -> None:
        """The trial has ended; its run is closed once everything is sent."""
        with self._guard:
            if number in self._uploads:  # else the server has refused its run
                self._uploads[number].outcome = outcome

    def close(self, drain_s: float, finish: Callable[[MlflowView], None] | None) -> bool:
        """Send the rest and stop.

        Args:
            drain_s: How long to go on without any success.
            finish: Called with the view once everything is sent, to close the study's own run.

        Returns:
            Whether the server has everything.
        """
        self._finish = finish
        attempts, called_at = self._num_attempts, time.monotonic()
        self._closing.set()
        while self._thread.is_alive():
            self._thread.join(timeout=0.1)
            # Three clocks: a server that works is waited for as long as it takes; one that has failed for `drain_s`,
            # also after a further try since the call, is given up; so is a call that hangs.
            now, failed_at = time.monotonic(), self._failed_at
            is_silent = failed_at is not None and now - failed_at > drain_s and self._num_attempts > attempts
            if is_silent or now - called_at > drain_s + _LONGEST_CALL_S:
                self._note(TimeoutError("no answer in time"))
                break
        return not self._thread.is_alive()

    def _run(self) -> None:
        view: MlflowView | None = None
        pause_s = _INTERVAL_S
        while True:
            is_last = self._closing.is_set()
            try:
                view = view or self._connect()
                self._advance(view)
                if is_last and self._finish is not None:
                    self._finish(view)
                self._failed_at = None
                pause_s = _INTERVAL_S
                if is_last:
                    return
            # Whatever the server or its client raises: training goes on, the journals keep everything.
            except Exception as error:
                self._note(error)
                pause_s = min(2 * pause_s, _MAX_PAUSE_S)
            self._num_attempts += 1
            if is_last:
                time.sleep(_INTERVAL_S)
            else:
                self._closing.wait(pause_s)

    def _advance(self, view: MlflowView) -> None:
        view.parent()
        with self._guard:
            uploads = list(self._uploads.items())
        for number, upload in uploads:
            with self._guard:
                # To the end of the queue: one that the server refuses must not keep the others waiting for ever.
                self._uploads[number] = self._uploads.pop(number)
            if self._has_ended(upload, view):
                with self._guard:
                    self._uploads.pop(number, None)

    def _has_ended(self, upload: Upload, view: MlflowView) -> bool:
        """Send what is new of a trial; True when nothing of it is left to send, or the server refuses its run."""
        try:
            return upload.advance(view)
        except Exception as error:
            if not is_refusal(error):
                raise
            self._warn(f"MLflow refuses the run of trial {upload.card.number}: {reason(error)}")
            return True
        finally:
            for line in upload.complaints():
                self._warn(line)

    def _note(self, error: Exception) -> None:
        if self._failed_at is None:
            self._failed_at = time.monotonic()
        log.debug("tracking failed", exc_info=error)
        if not self._has_warned:
            self._has_warned = True
            self._warn(f"tracking {told(error)}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
