"""A Hydra application whose trials may share a process: they meet after each of three steps."""

import gc
import logging
import os
import sys
import time
from pathlib import Path

import hydra
from meeting import SEAT, squared
from omegaconf import DictConfig
from storm import wait_out

from sweeps import TrialPruned, current_trial

log = logging.getLogger(__name__)
USUAL = gc.get_threshold()


def log_own(cfg: DictConfig, step: int | None) -> None:
    """What a task logs to MLflow by itself, in a run that it has started or not; first of all without a step."""
    if cfg.mode in ("runs", "values"):
        import mlflow

        if step is not None:
            mlflow.log_metric("own", cfg.x, step=step)
        elif cfg.mode == "runs":
            mlflow.start_run(run_name="own")


@hydra.main(config_path="conf", config_name="fused")
def main(cfg: DictConfig) -> float:
    log.info("x is %s", cfg.x)
    assert "X" not in os.environ, "another trial's environment"
    os.environ["X"] = str(cfg.x)
    assert gc.get_threshold() == USUAL, "another trial's collections of garbage"
    gc.set_threshold(1000 + int(cfg.x), 10, 10)
    with Path("executions.txt").open("a") as file:  # one line an execution that got this far
        file.write(f"{cfg.x}\n")
    log_own(cfg, None)
    seat, value = SEAT.get(), 0.0
    for step in range(3):
        value = seat.meet(step, float(cfg.x), squared) if seat else float(cfg.x) ** 2
        assert os.environ["X"] == str(cfg.x), "another trial's environment"
        assert gc.get_threshold()[0] == 1000 + int(cfg.x), "another trial's collections of garbage"
        if cfg.x == 7 and cfg.mode == "crash":
            os._exit(3)
        if cfg.x == 7 and cfg.mode == "hang":
            time.sleep(600)
        if cfg.x == 7 and cfg.mode == "leave":
            sys.exit("enough")
        log_own(cfg, step)
        current_trial().report({"loss": value + step}, step)
        time.sleep(cfg.sleep_s / 3)
        if current_trial().should_prune:
            raise TrialPruned
    wait_out()
    log.info("x was %s", cfg.x)
    return value


if __name__ == "__main__":
    main()
