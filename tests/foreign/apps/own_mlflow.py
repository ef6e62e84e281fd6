"""Calls MLflow by itself, in the way that the environment variable WAY says."""

import os
from pathlib import Path

import hydra
import mlflow


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    way = os.environ["WAY"]
    if way == "experiment":
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
