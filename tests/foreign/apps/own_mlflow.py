"""Calls MLflow by itself, in the way that the environment variable WAY says."""

import os
from pathlib import Path

import hydra
import mlflow
from mlflow.tracking._tracking_service.client import TrackingServiceClient


def made_by_another_process_meanwhile(experiment):
    """Lets the experiment come into being right after `set_experiment` has looked whether it is there."""
    look = TrackingServiceClient.get_experiment_by_name

    def look_too_early(client, name):
        TrackingServiceClient.get_experiment_by_name = look
        if look(client, name) is None:
            client.create_experiment(experiment)

    TrackingServiceClient.get_experiment_by_name = look_too_early


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    way = os.environ["WAY"]
    if way == "raced":
        made_by_another_process_meanwhile("their own")
    if way in ("experiment", "raced"):
        mlflow.set_experiment("their own")
    if way == "fluent":
        mlflow.log_metric("theirs", float(cfg.x))  # starts a run by itself
    else:
        with mlflow.start_run(run_name="theirs"):
            mlflow.log_params({"alpha": 0.5})
            mlflow.log_metric("theirs", float(cfg.x), step=1)
    if way == "twice":
        with mlflow.start_run(run_name="second"):
            mlflow.log_metric("second", float(cfg.x))
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {way}\n")
    return float(cfg.x)


if __name__ == "__main__":
    main()
