"""Imports MLflow in its task, or before where EARLY is set; its first trial goes elsewhere; runs stay open."""

import os
from pathlib import Path

import hydra

if "EARLY" in os.environ:
    import mlflow  # noqa: F401


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    import mlflow

    if cfg.x == 1:
        mlflow.set_tracking_uri("sqlite:///other.db")
        mlflow.set_experiment("their own")
    if cfg.x != 2:
        mlflow.start_run(run_name="theirs")
    mlflow.log_metric("theirs", float(cfg.x))
    with Path("results.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return float(cfg.x)


if __name__ == "__main__":
    main()
