"""The experiment of all studies on a tracking server, and the views of its table that are kept there."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sweeps.tracking import embedded
from sweeps.tracking.saved_views import MAX_VIEWS, TAG, WORKFLOW, SavedView, is_understood

_KIND = "mlflow.experimentKind"
ARTIFACTS = "mlruns"


class Experiment:
    """An experiment, made when it is first asked for.

    Args:
        client: MLflow's client.
        uri: Its tracking URI.
        name: The experiment's name.
        lock: Excludes other processes while it is looked up and made.
    """

    def __init__(self, client: Any, uri: str, name: str, lock: Callable[[str], AbstractContextManager[None]]) -> None:
        self._client, self._uri, self._name, self._lock = client, uri, name, lock
        self._id: str | None = None
        self._kept: dict[str, str] = {}

    @property
    def id(self) -> str:
        """Its id on the server."""
        if self._id is None:
            with self._lock("tracking"):
                known = self._client.get_experiment_by_name(self._name)
                self._id = str(known.experiment_id) if known else self._new()
                if known is None or _KIND not in known.tags:
                    # Without it the experiment's list shows it among those of language models.
                    self._client.set_experiment_tag(self._id, _KIND, "custom_model_development")
        return self._id

    def known(self) -> str | None:
        """Its id, if the server has it."""
        if self._id is None and (known := self._client.get_experiment_by_name(self._name)) is not None:
            return str(known.experiment_id)
        return self._id

    def keep(self, view: SavedView) -> None:
        """Keep a view under its id, in place of an earlier one; of ours the 30 newest stay.

        Nothing is written where the view is kept already, or the server's pages do not know such views.
        """
        state = json.dumps(view.state())
        if self._kept.get(view.id) == state or not is_understood(self._version()):
            return
        experiment = self.id  # before the lock, which it takes itself
        with self._lock("tracking"):
            tags = self._client.get_experiment(experiment).tags
            known = _record(tags.get(TAG + view.id))
            if known.get("state") != state or known.get("name") != view.name:
                now = time.time_ns() // 1_000_000
                record = {"name": view.name, "createdAt": known.get("createdAt", now), "updatedAt": now, "state": state}
                self._client.set_experiment_tag(self.id, TAG + view.id, json.dumps(record))
                self._drop_oldest({**tags, TAG + view.id: json.dumps(record)})
        self._kept[view.id] = state

    def link(self, view: SavedView) -> str:
        """Where the pages show the view, below the server's address."""
        place = f"#/experiments/{self.id}/runs?"
        return place + (view.key() if view.id in self._kept else view.plain())

    def link_of(self, run_id: str) -> str:
        """Where the pages show a run, below the server's address."""
        return f"#/experiments/{self.id}/runs/{run_id}?{WORKFLOW}"

    def drop(self, view_id: str) -> None:
        """Forget a kept view, where there is one."""
        experiment = self.known()
        if experiment is not None and TAG + view_id in self._client.get_experiment(experiment).tags:
            self._client.delete_experiment_tag(experiment, TAG + view_id)

    def _drop_oldest(self, tags: Mapping[str, str]) -> None:
        ours = [name for name in tags if name.startswith(f"{TAG}sweeps-")]
        for name in sorted(ours, key=lambda name: _record(tags[name]).get("updatedAt", 0))[:-MAX_VIEWS]:
            self._client.delete_experiment_tag(self.id, name)

    def _version(self) -> str:
        """The version of the server's pages."""
        import mlflow

        if not self._uri.startswith("http"):
            return str(mlflow.__version__)
        from mlflow.utils.rest_utils import http_request

        credentials = self._client._tracking_client.store.get_host_creds()
        answer = http_request(credentials, "/version", "GET")  # type: ignore[no-untyped-call]
        return str(answer.text) if answer.status_code == 200 else ""

    def _new(self) -> str:
        from mlflow.exceptions import MlflowException

        database = embedded.database_of(self._uri)
        # Beside an embedded database; a server knows its own place.
        place = (database.parent / ARTIFACTS).as_uri() if database else None
        try:
            return str(self._client.create_experiment(self._name, artifact_location=place))
        except MlflowException:
            # A study in another database holds another lock and may have been first.
            known = self._client.get_experiment_by_name(self._name)
            if known is None:
                raise
            return str(known.experiment_id)


def _record(tag: str | None) -> Mapping[str, Any]:
    try:
        record = json.loads(tag or "{}")
    except ValueError:
        record = {}
    return record if isinstance(record, dict) else {}
