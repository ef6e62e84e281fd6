"""Keeps the tracking server in step with a study: while a worker runs, and afterwards for what was missed."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.outcome import Outcome
from sweeps.redact import address, text
from sweeps.report.typed import asked_by, looked_at, repeated
from sweeps.settings import TrackingSettings
from sweeps.space import REPLICATE_KEY, Point
from sweeps.study.records import Notice, TrialEnded, TrialHandedBack, TrialRow, TrialStarted
from sweeps.study.study import Study
from sweeps.tracking import embedded
from sweeps.tracking.address import where
from sweeps.tracking.cards import StudyCard, Tag, TrialCard
from sweeps.tracking.first_use import prepare, set_up
from sweeps.tracking.gathered import has_left
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.models import keep_models
from sweeps.tracking.origins import origin_tags
from sweeps.tracking.parent import finish, pause, show_progress, view_of
from sweeps.tracking.upload import Upload
from sweeps.tracking.uploader import Uploader
from sweeps.trial.files import StudyFiles, write_text
from sweeps.trial.ownership import is_own


class Tracking:
    """Follows the trials of a worker; does nothing without a tracking URI.

    Args:
        study: The study.
        settings: Where runs are logged.
        files: The study's files on this machine.
        warn: Shows the user one line: the server does not answer, or refuses something.
    """

    def __init__(
        self, study: Study, settings: TrackingSettings, files: StudyFiles, warn: Callable[[str], None]
    ) -> None:
        self._study, self._uri, self._files = study, settings.uri, files
        self._view: MlflowView | None = None
        self._link: str | None = None
        self._warn = warn
        self._experiment = settings.experiment
        self._uploader = Uploader(self._connect, warn, lambda view: show_progress(study, view, files))
        self._is_started = False
        if self._uri is None:
            return
        for trial in study.trials():
            card = card_of(study, trial, files)
            if card and trial.outcome and not Upload(card).is_done(self._uri) and has_left(trial, card.files):
                self._follow(card, trial.outcome)

    def prepare(self) -> None:
        """Have an embedded database made before a trial needs it: an application may log to it by itself."""
        if self._uri is not None:
            with contextlib.suppress(Exception):  # the uploader tells what is wrong, and tries again
                prepare(self._uri, self._warn)

    def notice(self, notice: Notice) -> None:
        if self._uri is None:
            return
        match notice:
            case TrialStarted(number=number, point=point):
                self._follow(_card(self._study, number, point, self._files))
            case TrialEnded(number=number, outcome=outcome):
                self._uploader.end(number, outcome)
            case TrialHandedBack(number=number):
                self._uploader.hand_back(number)

    def tick(self) -> None:
        """The uploader has its own clock."""

    def close(self, drain_s: float) -> None:
        """Send the rest, waiting at most `drain_s` for a server that does not answer."""
        if self._uri is None:
            return
        mark = {"uri": text(self._uri), "trials": len(self._study.trials())}
        path = self._files.upload_mark
        is_finished = self._study.is_at_rest()
        known = json.loads(path.read_text()) if path.is_file() else {}
        if is_finished and {**known, "link": None} == {**mark, "link": None} and not self._is_started:
            self._link = known.get("link")
            return
        self._start_late()

        def end(view: MlflowView) -> None:
            if is_finished:
                keep_models(self._study, view, self._files, card_of, self._warn)
            (finish if is_finished else pause)(self._study, view, self._files)

        try:
            is_whole = self._uploader.close(drain_s, end)
        except BaseException:  # a signal: the user waits for this server no longer
            self._view = None
            raise
        if not is_whole:
            self._view = None
        else:
            self._link = self._link_to_trials()
        if is_whole and is_finished:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({**mark, "link": self._link}))

    def address(self) -> str | None:
        """Where a server shows the study; None where there is none, or it has not answered."""
        if self._link is None or not (self._uri or "").startswith("http"):
            return None
        return f"{address(self._uri or '').rstrip('/')}/{self._link}"

    def _link_to_trials(self) -> str | None:
        if self._view is None:
            return None
        return self._view.experiment.link(view_of(self._study, self._study.current_trials(), self._files))

    def _connect(self) -> MlflowView:
        self._view = connect(self._study, self._uri or "", self._experiment, self._warn)
        return self._view

    def _follow(self, card: TrialCard, outcome: Outcome | None = None) -> None:
        self._uploader.add(card, outcome)
        self._start()

    def _start_late(self) -> None:
        """Start, if no trial has; neither the client's import nor a new database is waiting for a server."""
        if not self._is_started:
            set_up()
            self.prepare()
        self._start()

    def _start(self) -> None:
        if not self._is_started:
            self._is_started = True
            self._uploader.start()


def connect(study: Study, uri: str, experiment: str, tell: Callable[[str], None] = lambda line: None) -> MlflowView:
    """The view of a study on a tracking server; an embedded database is made where there is none.

    Args:
        study: The study.
        uri: Tracking URI.
        experiment: Experiment of all studies.
        tell: Shows the user one line where a half-made database is set aside.
    """
    prepare(uri, tell)
    params = {
        "objective": ", ".join(study.value_names),
        "direction": ", ".join(study.directions),
    }
    tags: dict[str, str] = {Tag.COMMAND: asked_by(study)}
    tags |= origin_tags((study.facts.get("command") or {}).get("origin"))
    key = study.facts["key"]
    card = StudyCard(key=key, name=study.name, params=params, tags=tags, started_ms=lambda: _started_ms(study))
    return MlflowView(uri, experiment, card, study.database.lock)


def _started_ms(study: Study) -> int | None:
    events = study.events()
    return round(1000 * events[0].at) if events else None


def connect_to_existing(study: Study, uri: str, experiment: str, tell: Callable[[str], None]) -> MlflowView:
    """The view of a study for a look at it, which makes no database.

    Raises:
        StudyError: The embedded database is not there.
    """
    path = embedded.database_of(uri)
    if path is not None and not path.exists():
        raise StudyError(f"{path.name} is not there; `{looked_at('sync', study)}` makes and fills it.")
    return connect(study, uri, experiment, tell)


def page_view(study: Study, uri: str, experiment: str) -> MlflowView:
    """The view of a study whose page is opened: an empty page is no answer.

    Raises:
        StudyError: The embedded database is not there, or nothing of the study although trials have ended.
    """
    view = connect_to_existing(study, uri, experiment, print)
    if not view.runs("study") and any(trial.outcome is not None for trial in study.trials()):
        raise StudyError(f"MLflow does not have study {study.name!r}; `{looked_at('sync', study)}` sends it.")
    return view


def page_of(study: Study, asked: str | None) -> tuple[str, str]:
    """Tracking URI of a study, and what follows the server's address: its trials, best first.

    Args:
        study: The study.
        asked: `--tracking`.

    Raises:
        StudyError: It is not tracked, or not there.
    """
    uri, experiment = where(study, asked)
    if not uri:
        raise StudyError(f"Study {study.name!r} is not tracked: its command had tracking.uri=null.")
    view = page_view(study, uri, experiment)
    shown = view_of(study, study.current_trials(), StudyFiles(Path(study.facts.get("directory") or study.name)))
    view.experiment.keep(shown)
    return uri, view.experiment.link(shown)


def card_of(study: Study, trial: TrialRow, files: StudyFiles) -> TrialCard | None:
    """The card of a trial that has run on this machine; None for any other."""
    own = files.trial(trial.number)
    if trial.point is None or not own.directory.is_dir() or not is_own(own, trial.point.key):
        return None
    return _card(study, trial.number, trial.point, files)


def _card(study: Study, number: int, point: Point, files: StudyFiles) -> TrialCard:
    return TrialCard(
        number=number,
        point=point.leaves,
        files=files.trial(number),
        objectives=study.value_names,
        seed_key=study.facts.get("seed_key", REPLICATE_KEY),
        command=repeated(study, point),
    )
