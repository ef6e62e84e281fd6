"""Calls MLflow by itself, in the way that the environment variable WAY says."""

import os
import signal
import time
from pathlib import Path

import hydra
import mlflow
from mlflow.tracking._tracking_service.client import TrackingServiceClient

from sweeps import current_trial


def look_until_both_have():
    """Lets no trial make an experiment before two processes have looked for it and found none."""
    look = TrackingServiceClient.get_experiment_by_name

    def look_together(client, name):
        found = look(client, name)
        Path("looked").mkdir(exist_ok=True)
        Path(f"looked/{os.getpid()}").touch()
        while len(list(Path("looked").iterdir())) < 2:
            time.sleep(0.01)
        return found

    TrackingServiceClient.get_experiment_by_name = look_together


def experiment_by_hand():
    found = mlflow.get_experiment_by_name("their own")
    return found.experiment_id if found else mlflow.create_experiment("their own")


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    way = os.environ["WAY"]
    if os.environ.get("RACE"):
        look_until_both_have()
    if address := os.environ.get("ADDRESS"):
        mlflow.set_tracking_uri(address)
    if way == "experiment":
        mlflow.set_experiment("their own")
    if way == "again":
        started, attempt = time.time(), current_trial().attempt
        mlflow.log_param("started", started)
        mlflow.log_params({"host": started, f"only_{attempt}": attempt})
        with Path("results.txt").open("a") as file:
            file.write(f"{attempt} {started}\n")
        if attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    if way in ("fluent", "again"):
        mlflow.log_metric("theirs", float(cfg.x))  # starts a run by itself
    else:
        with mlflow.start_run(run_name="theirs", experiment_id=experiment_by_hand() if way == "by_hand" else None):
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
