"""What runs have read and made, on a tracking server: data sets, models, and the registry of models."""

import json
from collections.abc import Sequence
from typing import Any

from sweeps.redact import text
from sweeps.tracking.batches import Refused
from sweeps.tracking.complaints import is_refusal, reason
from sweeps.tracking.experiment import Experiment
from sweeps.tracking.origins import NamedData


class Lineage:
    """Knows MLflow's words for it; a call that is repeated changes nothing more.

    Args:
        client: MLflow's client.
        experiment: The experiment of the runs.
    """

    def __init__(self, client: Any, experiment: Experiment) -> None:
        self._client, self._experiment = client, experiment

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
