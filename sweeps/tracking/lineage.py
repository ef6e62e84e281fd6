"""What runs have read and made, on a tracking server: data sets, models, and the registry of models."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sweeps.errors import StudyError
from sweeps.redact import text
from sweeps.tracking.batches import Refused
from sweeps.tracking.cards import Tag
from sweeps.tracking.complaints import is_refusal, reason
from sweeps.tracking.experiment import Experiment
from sweeps.tracking.names import LONGEST_PARAM, fitting, shortened, storable
from sweeps.tracking.origins import NamedData
from sweeps.trial.curves import Sample
from sweeps.trial.handle import MODEL_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model, as a server shows it.

    Attributes:
        name: Its name among the models of the experiment.
        folder: Its files, in MLflow's format.
        tags: Its tags.
        params: Its parameters.
        samples: What was measured of it, all of which its run has, too.
        data: On which data set; the first one counts.
    """

    name: str
    folder: Path
    tags: Mapping[str, str]
    params: Mapping[str, str]
    samples: Sequence[Sample] = ()
    data: Sequence[NamedData] = ()


class Lineage:
    """Knows MLflow's words for it; a call that is repeated changes nothing more.

    Args:
        client: MLflow's client.
        uri: Its tracking URI.
        experiment: The experiment of the runs.
    """

    def __init__(self, client: Any, uri: str, experiment: Experiment) -> None:
        self._client, self._uri, self._experiment = client, uri, experiment

    def log_data(self, run_id: str, named: Sequence[NamedData]) -> list[Refused]:
        """Name the data sets that a run has read.

        Returns:
            What the server refuses.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = []
        for data in named:
            name, digest, source = text(data.name), text(data.digest), json.dumps({"name": text(data.name)})
            entity = Dataset(name, digest, "local", source, profile=text(data.profile))
            inputs.append(DatasetInput(entity, [InputTag("mlflow.data.context", "training")]))
        try:
            if inputs:
                self._client.log_inputs(run_id, inputs)
        except Exception as error:
            if not is_refusal(error):
                raise
            return [(f"data set {named[0].name}", reason(error))]
        return []

    def models_of(self, study_key: str) -> dict[tuple[str, str], str]:
        """Run and digest of each whole model that the server has of a study, to the model's id."""
        found, token = dict[tuple[str, str], str](), None
        while True:
            page = self._client.search_logged_models(
                [self._experiment.id], filter_string=f"tags.`{Tag.STUDY_KEY}` = '{study_key}'", page_token=token
            )
            for model in page:
                if str(model.status) == "READY":
                    found[str(model.source_run_id), str(model.tags.get(Tag.DIGEST))] = str(model.model_id)
            token = page.token
            if not token:
                return found

    def keep_model(self, run_id: str, card: ModelCard) -> str:
        """Make a model of a run from a folder in MLflow's format, of which nothing is run.

        Args:
            run_id: The run that has made it.
            card: What it is; the `MLmodel` in its folder gets the ids of model and run.

        Returns:
            Its id.
        """
        from mlflow.entities import LoggedModelOutput, Metric

        kept = {fitting(key): shortened(text(str(value)), LONGEST_PARAM) for key, value in card.params.items()}
        labels = {key: text(value) for key, value in card.tags.items()}
        model = self._client.create_logged_model(self._experiment.id, card.name, run_id, labels, kept)
        folder, data = card.folder, card.data
        described = yaml.safe_load((folder / MODEL_FILE).read_text()) or {}
        described |= {"artifact_path": model.artifact_location, "model_id": model.model_id, "run_id": run_id}
        (folder / MODEL_FILE).write_text(yaml.safe_dump(described, sort_keys=False))
        self._client.log_model_artifacts(model.model_id, str(folder))
        on = {"dataset_name": text(data[0].name), "dataset_digest": text(data[0].digest)} if data else {}
        of_model = {"model_id": model.model_id, "run_id": run_id, **on}
        metrics = [Metric(fitting(s.name), storable(s.value), s.time_ms, s.step, **of_model) for s in card.samples]
        self._client.log_batch(run_id, metrics=metrics)
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
        self._client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def register(self, model_id: str, run_id: str, name: str, alias: str | None) -> int:
        """Make a model a version of a registered one, unless it is one already.

        Args:
            model_id: The model.
            run_id: The run that has made it.
            name: Name of the registered model, made where there is none.
            alias: Points to this version from now on; None: no alias is set.

        Returns:
            The version.
        """
        import mlflow

        mlflow.set_tracking_uri(self._uri)  # an embedded database looks models up where it says
        source = f"models:/{model_id}"
        if not self._client.search_registered_models(f"name = '{name}'", max_results=1):
            self._client.create_registered_model(name)
        known = [each for each in self._client.search_model_versions(f"name = '{name}'") if each.source == source]
        version = known[0] if known else self._client.create_model_version(name, source, run_id, model_id=model_id)
        if alias is not None:
            self._client.set_registered_model_alias(name, alias, version.version)
        return int(version.version)


def check_names(name: str, alias: str | None) -> None:
    """Refuse what MLflow does not take, before anything is made.

    Raises:
        StudyError: With the name that it does not take.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils import validation

    try:
        validation._validate_model_name(name)
        if alias is not None:
            validation._validate_model_alias_name(alias)  # type: ignore[no-untyped-call]
            validation._validate_model_alias_name_reserved(alias)  # type: ignore[no-untyped-call]
    except MlflowException as error:
        raise StudyError(f"MLflow takes no such name: {reason(error)}") from error
