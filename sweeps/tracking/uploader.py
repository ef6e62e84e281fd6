"""Sends journals to the tracking server, beside the training and never in its way."""

import logging
import threading
import time
from collections.abc import Callable

from sweeps.outcome import Outcome
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.complaints import is_refusal, reason, told
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.upload import Upload

log = logging.getLogger(__name__)

_INTERVAL_S = 1.0
_PROGRESS_S = 10.0
_MAX_PAUSE_S = 15.0
_LONGEST_CALL_S = 120.0  # longest wait at the end for a call that neither returns nor fails


class Uploader:
    """A thread that keeps the tracking server up to date.

    Args:
        connect: Makes the view; called in the thread, since it imports MLflow and speaks to the server.
        warn: Shows the user one line; called once however often the server fails, and once per thing it refuses.
        show_progress: Brings the study's own run up to date; called every ten seconds, less often where it is slow.
    """

    def __init__(
        self,
        connect: Callable[[], MlflowView],
        warn: Callable[[str], None],
        show_progress: Callable[[MlflowView], None] = lambda view: None,
    ) -> None:
        self._connect, self._warn, self._show_progress = connect, warn, show_progress
        self._next_progress = 0.0
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

    def hand_back(self, number: int) -> None:
        """Nobody runs the trial any more, and it has not ended."""
        with self._guard:
            if number in self._uploads:
                self._uploads[number].is_open = True

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
        if time.monotonic() >= self._next_progress and not self._closing.is_set():
            view.resume(view.parent())
            began = time.monotonic()
            self._show_progress(view)
            self._next_progress = time.monotonic() + max(_PROGRESS_S, 20 * (time.monotonic() - began))
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
