"""The only module that knows MLflow: one experiment, a parent run a study, a child run a trial."""

import functools
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from sweeps.redact import text
from sweeps.tracking import embedded
from sweeps.tracking.batches import Refused, offered
from sweeps.tracking.cards import EARLIER, StudyCard, Tag, TrialCard
from sweeps.tracking.experiment import ARTIFACTS, Experiment
from sweeps.tracking.lineage import Lineage
from sweeps.tracking.names import ORIGINAL, fitting, shortened, storable
from sweeps.trial.journal import Sample

# A server that does not answer is noticed within seconds; a user's own values stay.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_BATCH = 1000
_TAG_BATCH = 100
_LONGEST_PARAM = 6000
_making = threading.Lock()


class MlflowView:
    """Writes a study to a tracking server; a call that is repeated changes nothing more.

    Args:
        uri: Tracking URI.
        experiment: Experiment of all studies.
        study: The study.
        lock: Excludes other processes while a run is looked up and created.
    """

    def __init__(
        self, uri: str, experiment: str, study: StudyCard, lock: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        _set_up()
        import mlflow

        self.uri = uri
        self._study, self._lock = study, lock
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        self.experiment = Experiment(self._client, uri, experiment, lock)
        self.lineage = Lineage(self._client, uri, self.experiment)
        self._parent_id: str | None = None
        self._renamed: set[tuple[str, str]] = set()

    def parent(self) -> str:
        """The run of the study; made when there is none."""
        if self._parent_id is None:
            tags: dict[str, str] = {Tag.ROLE: "study", Tag.STUDY: self._study.name, Tag.STUDY_KEY: self._study.key}
            self.experiment.id  # noqa: B018 - before the lock, which it takes itself
            with self._lock("tracking"):
                known = self._find(tags)
                if known is None:
                    self._supersede_earlier()
                self._parent_id = known or self._create(self._study.name, tags, None)
            self.send(self._parent_id, (), params=self._study.params, tags=self._study.tags)
        return self._parent_id

    def find(self, card: TrialCard) -> str | None:
        """The run of a trial, if there is one."""
        return self._find({Tag.STUDY_KEY: self._study.key, Tag.TRIAL: str(card.number)})

    def child(self, card: TrialCard, start_ms: int | None) -> str:
        """The run of a trial; made when there is none."""
        tags = {
            "mlflow.parentRunId": self.parent(),
            Tag.STUDY: self._study.name,
            Tag.STUDY_KEY: self._study.key,
            **card.tags(card.written()),
        }
        with self._lock("tracking"):
            return self.find(card) or self._create(card.run_name, tags, start_ms)

    def send(
        self,
        run_id: str,
        samples: Iterable[Sample],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[Refused]:
        """Add samples, params and tags to a run; what it has already stays as it is.

        Returns:
            What the server refuses, entry by entry; everything else is there.
        """
        from mlflow.entities import Metric, Param, RunTag

        samples, params = list(samples), dict(params or {})
        originals = self._originals(run_id, [*(sample.name for sample in samples), *params])
        metrics = [Metric(fitting(s.name), storable(s.value), s.time_ms, s.step) for s in samples]
        texts = [Param(fitting(key), shortened(text(str(value)))[:_LONGEST_PARAM]) for key, value in params.items()]
        labels = [RunTag(key, shortened(text(str(value)))) for key, value in {**originals, **(tags or {})}.items()]
        log = self._client.log_batch
        return [
            *offered(metrics, _BATCH, "metric", lambda some: log(run_id, metrics=some)),
            *offered(texts, _TAG_BATCH, "param", lambda some: log(run_id, params=some)),
            *offered(labels, _TAG_BATCH, "tag", lambda some: log(run_id, tags=some)),
        ]

    def attach(self, run_id: str, name: str, content: str | bytes | Path) -> None:
        """Keep a file with a run, or a copy of one; `name` may have folders in front."""
        folder, _, file_name = name.rpartition("/")
        with tempfile.TemporaryDirectory() as made:
            path = content if isinstance(content, Path) else Path(made) / file_name
            if not isinstance(content, Path):
                path.write_bytes(text(content).encode() if isinstance(content, str) else content)
            self._client.log_artifact(run_id, str(path), folder or None)

    def end(self, run_id: str, status: str, end_ms: int | None = None) -> None:
        """Mark a run as `FINISHED`, `KILLED` or `FAILED`; ending it again changes nothing."""
        self._client.set_terminated(run_id, status, end_ms)

    def resume(self, run_id: str) -> None:
        self._client.update_run(run_id, status="RUNNING")

    def put_back(self, run_id: str) -> None:
        """Mark a run as one that waits for a worker."""
        self._client.update_run(run_id, status="SCHEDULED")

    def state(self, run_id: str) -> tuple[str, dict[str, str]]:
        """Status and tags of a run."""
        run = self._client.get_run(run_id)
        return run.info.status, dict(run.data.tags)

    def children(self) -> list[Any]:
        """All runs of the study's trials."""
        return self._search({Tag.STUDY_KEY: self._study.key, Tag.ROLE: "trial"})

    def history(self, run_id: str, name: str) -> list[Sample]:
        """The samples of one metric of a run."""
        found = self._client.get_metric_history(run_id, fitting(name))
        return [Sample(metric.key, metric.value, metric.step, metric.timestamp) for metric in found]

    def _originals(self, run_id: str, names: Iterable[str]) -> dict[str, str]:
        """Tags that say what names were that MLflow does not take; each is sent once."""
        changed = {ORIGINAL + fitting(name): name for name in names if fitting(name) != name}
        new = {tag: name for tag, name in changed.items() if (run_id, tag) not in self._renamed}
        self._renamed.update((run_id, tag) for tag in new)
        return new

    def _find(self, tags: Mapping[str, str]) -> str | None:
        found = self._client.search_runs([self.experiment.id], _filter(tags), max_results=1)
        return str(found[0].info.run_id) if found else None

    def _search(self, tags: Mapping[str, str]) -> list[Any]:
        found, token = list[Any](), None
        while True:
            page = self._client.search_runs([self.experiment.id], _filter(tags), max_results=1000, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _supersede_earlier(self) -> None:
        """Set the runs aside that an earlier version has made of the study: names and steps of theirs differ."""
        names = {name: earlier for earlier, name in EARLIER.items()}
        for run in self._search({names[Tag.STUDY_KEY]: self._study.key}):
            if run.data.tags.get(names[Tag.ROLE]) != "superseded":
                self._client.set_tag(run.info.run_id, names[Tag.ROLE], "superseded")
                self._client.update_run(run.info.run_id, name=f"{run.info.run_name} (earlier version)"[:250])

    def _create(self, name: str, tags: Mapping[str, str], start_ms: int | None) -> str:
        kept = {key: shortened(text(value)) for key, value in tags.items()}
        run = self._client.create_run(self.experiment.id, start_time=start_ms, tags=kept, run_name=text(name))
        return str(run.info.run_id)


def _filter(tags: Mapping[str, str]) -> str:
    """MLflow's words for runs with these tags; a study's name is no filter, as users may rename."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items() if key != Tag.STUDY)


def warm_up(uri: str) -> None:
    """Import the client in the background, and make what a new embedded database holds.

    It takes a few seconds of a core that idles while the trials' server starts. Nothing is written.
    """

    def work() -> None:
        with suppress(Exception):  # whoever needs it next is told
            import mlflow  # noqa: F401

            path = embedded.database_of(uri)
            if path and not embedded.is_whole(path):
                _database(path)

    threading.Thread(target=work, daemon=True).start()


def prepare(uri: str, tell: Callable[[str], None]) -> None:
    """Return once an embedded database is there and whole; a half-made one is set aside, and the user told so.

    Args:
        uri: Tracking URI; nothing is done for a server's.
        tell: Shows the user one line.
    """
    embedded.prepare(uri, _database, tell)


def _database(path: Path) -> bytes:
    """What a new embedded database at that path holds."""
    with _making:
        return _database_with((path.parent / ARTIFACTS).as_uri())


@functools.cache
def _database_with(artifacts: str) -> bytes:
    _set_up()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store: Any = SqlAlchemyStore("sqlite:///:memory:", artifacts)  # type: ignore[no-untyped-call]
    connection = store.engine.raw_connection()
    try:
        return bytes(connection.driver_connection.serialize())
    finally:
        connection.close()


def _set_up() -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for noisy in ("alembic", "urllib3.connectionpool", "mlflow.store.db.utils", "mlflow.utils.autologging_utils"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
