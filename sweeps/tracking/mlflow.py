"""A study on a tracking server: a parent run, and a child run per trial. Of MLflow it knows the runs."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sweeps.redact import text
from sweeps.tracking import stored
from sweeps.tracking.batches import Entries, Refused, offered
from sweeps.tracking.cards import EARLIER, StudyCard, Tag, TrialCard
from sweeps.tracking.experiment import Experiment
from sweeps.tracking.first_use import set_up
from sweeps.tracking.lineage import Lineage
from sweeps.tracking.names import LONGEST_PARAM, ORIGINAL, fitting, shortened, storable
from sweeps.tracking.runs import Role, Run
from sweeps.trial.journal import Sample


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
        set_up()
        import mlflow

        self.uri = uri
        self._study, self._lock = study, lock
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        self.experiment = Experiment(self._client, uri, experiment, lock)
        self.lineage = Lineage(self._client, uri, self.experiment)
        self._parent_id: str | None = None
        self._renamed: set[tuple[str, str]] = set()
        self._places: dict[str, str] = {}

    def parent(self) -> str:
        """The run of the study; made when there is none."""
        if self._parent_id is None:
            tags: dict[str, str] = {Tag.ROLE: "study", Tag.STUDY: self._study.name, Tag.STUDY_KEY: self._study.key}
            self.experiment.id  # noqa: B018 - before the lock, which it takes itself
            with self._lock("tracking"):
                known = self._find(tags)
                if known is None:
                    self._supersede_earlier()
                self._parent_id = known or self._create(self._study.name, tags, self._study.started_ms())
            self.send(self._parent_id, (), params=self._study.params, tags=self._study.tags)
        return self._parent_id

    def find(self, card: TrialCard) -> str | None:
        """The run of a trial, if there is one."""
        return self._find({Tag.STUDY_KEY: self._study.key, Tag.TRIAL: str(card.number)})

    def child(self, card: TrialCard, start_ms: int | None, tags: Mapping[str, str] | None = None) -> tuple[str, bool]:
        """The run of a trial, and whether it is new: it is made when there is none, with these tags, too."""
        self.parent()  # before the lock, which it takes itself
        with self._lock("tracking"):
            known = self.find(card)
            return known or self.new_child(card, start_ms, tags), known is None

    def new_child(self, card: TrialCard, start_ms: int | None, tags: Mapping[str, str] | None = None) -> str:
        """A new run of a trial, whether there is one or not."""
        known = {
            "mlflow.parentRunId": self.parent(),
            Tag.STUDY: self._study.name,
            Tag.STUDY_KEY: self._study.key,
            **card.tags(card.written()),
        }
        return self._create(card.run_name, {**known, **(tags or {})}, start_ms)

    def supersede(self, run_id: str) -> None:
        """Keep a run, which is no longer its trial's."""
        self.send(run_id, (), tags={Tag.ROLE: "superseded", Tag.TRIAL: f"superseded-{run_id}"})
        self.end(run_id, "KILLED")

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
        texts = [Param(fitting(key), shortened(text(str(value)), LONGEST_PARAM)) for key, value in params.items()]
        labels = [RunTag(key, shortened(text(str(value)))) for key, value in {**originals, **(tags or {})}.items()]
        return list(offered(Entries(metrics, texts, labels), functools.partial(self._client.log_batch, run_id)))

    def attach(self, run_id: str, name: str, content: str | bytes | Path) -> None:
        """Keep a file with a run, or a copy of one; `name` may have folders in front."""
        stored.put(self._place(run_id), self.uri, name, content)

    def sizes(self, run_id: str, folder: str = "") -> dict[str, int | None]:
        """Name and size of each file of a run that lies in one folder; the empty name is the run's own."""
        return stored.sizes(self._place(run_id), self.uri, folder)

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

    def runs(self, role: Role) -> list[Run]:
        """All runs of the study, or of its trials, as plain values; none is made, and no experiment."""
        return [_plain(run) for run in self._search({Tag.STUDY_KEY: self._study.key, Tag.ROLE: role})]

    def history(self, run_id: str, name: str) -> list[Sample]:
        """The samples of one metric of a run."""
        found = self._client.get_metric_history(run_id, fitting(name))
        return [Sample(metric.key, metric.value, metric.step, metric.timestamp) for metric in found]

    def delete(self) -> int:
        """Delete all runs of the study, those of earlier versions too, the study's own last; returns how many.

        Nothing is made where there is nothing.
        """
        if self.experiment.known() is None:
            return 0
        earlier = next(name for name, now in EARLIER.items() if now == Tag.STUDY_KEY)
        found = {
            run.info.run_id: run for key in (earlier, Tag.STUDY_KEY) for run in self._search({key: self._study.key})
        }
        for run_id in sorted(found, key=lambda each: found[each].data.tags.get(Tag.ROLE) == "study"):
            self._client.delete_run(run_id)
        return len(found)

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
        experiment = self.experiment.known()
        found = [] if experiment is None else list(_pages(self._client, [experiment], tags))
        self._places.update((run.info.run_id, run.info.artifact_uri) for run in found)
        return found

    def _place(self, run_id: str) -> str:
        """Where the files of a run are."""
        if run_id not in self._places:
            self._places[run_id] = self._client.get_run(run_id).info.artifact_uri
        return self._places[run_id]

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
        self._places[run.info.run_id] = run.info.artifact_uri
        return str(run.info.run_id)


def file_of_study(uri: str, name: str, file: str) -> tuple[bytes | None, list[str]]:
    """A file that the newest run of a study of that name has, from the server alone, and the names of all studies.

    Args:
        uri: Tracking URI.
        name: The study's name.
        file: The file's name.
    """
    set_up()
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    names: dict[str, None] = {}
    for run in _pages(client, experiments, {Tag.ROLE: "study"}):
        names[str(run.data.tags.get(Tag.STUDY))] = None
        if run.data.tags.get(Tag.STUDY) == name and file in stored.sizes(run.info.artifact_uri, uri, ""):
            return stored.get(run.info.artifact_uri, uri, file), []
    return None, list(names)


def _pages(client: Any, experiments: Sequence[str], tags: Mapping[str, str]) -> Iterator[Any]:
    """All runs with these tags, the newest first."""
    token = None
    while True:
        page = client.search_runs(experiments, _filter(tags), max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _plain(run: Any) -> Run:
    latest = {m.key: Sample(m.key, m.value, m.step, m.timestamp) for m in run.data._metric_objs}
    return Run(
        id=str(run.info.run_id),
        status=run.info.status,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        latest=latest,
    )


def _filter(tags: Mapping[str, str]) -> str:
    """MLflow's words for runs with these tags; a study's name is no filter, as users may rename."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items() if key != Tag.STUDY)
