"""Posts what happens in a study to an address: it is done, a trial has failed, a point is the best so far."""

import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from sweeps import redact
from sweeps.errors import StudyError, first_line
from sweeps.outcome import Completed, Failed
from sweeps.output import counted
from sweeps.report.lines import describe
from sweeps.study.feed import Feed
from sweeps.study.records import Notice, TrialEnded, TrialRow
from sweeps.study.standing import standing
from sweeps.study.study import Study

_TIMEOUT_S, _PAUSES_S = 5.0, (1.0, 4.0)
_DRAIN_S = 10.0
_MAX_WAITING = 1000
"""Messages that wait for an address that is slow; later ones are dropped."""


def address_in(setting: str | None) -> str | None:
    """The address of `study.notify`, else that of `SWEEPS_NOTIFY`; None where there is none.

    Raises:
        StudyError: It is neither http nor https. It is not repeated, since it may hold a token.
    """
    url = setting or os.environ.get("SWEEPS_NOTIFY") or None
    redact.learn_config({"notify": url})
    if url is not None and not url.lower().startswith(("http://", "https://")):
        raise StudyError("study.notify, or SWEEPS_NOTIFY, must be an address that starts with http:// or https://.")
    return url


class Notifier:
    """Observes a worker. It posts from a thread of its own: nothing waits for the address, and nothing fails for it.

    Args:
        study: The study.
        url: The address; None: nobody is told.
        warn: Shows the user one line.
    """

    def __init__(self, study: Study, url: str | None, warn: Callable[[str], None]) -> None:
        self._study, self._url, self._warn = study, url, warn
        self._feed = Feed(study.database, study.facts.get("key", ""))
        self._waiting: queue.Queue[TrialEnded | None] = queue.Queue(_MAX_WAITING)
        self._own: set[int] = set()
        self._best: frozenset[int] = frozenset()
        self._has_warned = False
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        if url is not None:
            self._best = self._best_now()
            self._thread.start()

    def notice(self, notice: Notice) -> None:
        if self._url is not None and isinstance(notice, TrialEnded) and not self._waiting.full():
            self._waiting.put(notice)

    def tick(self) -> None:
        """The thread has its own clock."""

    def close(self) -> None:
        """Post the rest, and that the study is done where nobody has; waits for some seconds at most."""
        if self._url is not None:
            self._waiting.put(None)
            self._thread.join(_DRAIN_S)

    def _work(self) -> None:
        while (notice := self._waiting.get()) is not None:
            self._guarded(lambda notice=notice: self._tell(notice))  # type: ignore[misc]
        self._guarded(self._tell_done)

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # training is none of its business
            if not self._has_warned:
                self._has_warned = True
                self._warn(redact.text(f"study.notify: a message was not taken ({first_line(error)})"))

    def _tell(self, notice: TrialEnded) -> None:
        self._own.add(notice.number)
        if isinstance(notice.outcome, Failed):
            self._feed.look()
            trial = self._feed.trials[notice.number]
            failed = {"cause": notice.outcome.cause, "detail": notice.outcome.detail}
            self._post(
                "failed", f"trial {notice.number} has failed ({failed['cause']}): {failed['detail']}", trial, failed
            )
        elif isinstance(notice.outcome, Completed) and self._waiting.empty():  # of several at once the best is told
            best = self._best_now()
            if best != self._best and best & self._own:
                trial = self._feed.trials[max(best, key=lambda number: self._feed.ended[number])]
                told = ", ".join(f"{name}={value:.6g}" for name, value in self._values(trial).items())
                self._post("improved", f"trial {trial.number} is the best so far: {told}", trial)
            self._best = best

    def _best_now(self) -> frozenset[int]:
        """Numbers of the trials of the point that was the last one to be better than all before."""
        self._feed.look()
        return standing(self._feed.trials, self._feed.ended, self._study.directions).last

    def _tell_done(self) -> None:
        now = self._study.look()
        end = "done" if now.is_finished else f"{now.why} at {now.at:.0f}"
        if now.is_at_rest and self._study.will.announce(f"{end}, {now.done} trials"):
            left = "" if now.is_finished else f", {counted(now.open, 'point')} left ({now.why})"
            more = {} if now.is_finished else {"why": now.why}
            self._post("done", f"{counted(now.done, 'trial')} done{left}", None, more)

    def _post(self, event: str, text: str, trial: TrialRow | None, more: dict[str, Any] | None = None) -> None:
        now = self._study.look()
        counts = {"open": now.open, "running": now.running, "done": now.done, "skipped": now.skipped}
        told: dict[str, Any] = {"event": event, "study": self._study.name, "text": f"{self._study.name}: {text}"}
        if trial is not None and trial.point is not None:
            told["text"] += f" [{describe(trial.point)}]"
            told |= {"trial": trial.number, "point": dict(trial.point.overrides), "values": self._values(trial)}
        self._send(json.dumps(redact.tree({**told, "counts": counts, **(more or {})})).encode())

    def _values(self, trial: TrialRow) -> dict[str, float]:
        values = trial.outcome.values if isinstance(trial.outcome, Completed) else ()
        return dict(zip(self._study.value_names, values, strict=False))

    def _send(self, body: bytes) -> None:
        request = urllib.request.Request(self._url or "", body, {"Content-Type": "application/json"})
        for pause_s in (*_PAUSES_S, None):
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                    return
            except urllib.error.HTTPError as error:
                if pause_s is None or error.code < 500:
                    raise
            except OSError:
                if pause_s is None:
                    raise
            time.sleep(pause_s)
