"""A plain loop: reports, can be pruned, keeps a checkpoint by itself and continues from it."""

import json
import os
import signal
import time
from pathlib import Path

import hydra

from sweeps import TrialPruned, current_trial


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    trial = current_trial()
    x, first = float(cfg.x), 0
    if trial.checkpoint and os.environ.get("RESUMES"):
        first = json.loads(trial.checkpoint.read_text())["step"]
    trial.log_params({"optimizer": {"name": "none", "x": x}})
    for step in range(first, 6):
        # What a run without a fixed seed gives: another curve each time that it starts.
        loss = x + 1 / (step + 1) + (0 if os.environ.get("RESUMES") else 100 * trial.attempt)
        trial.report({"loss": loss, "lr": 0.1}, step)
        (trial.directory / "state.pt").write_text(json.dumps({"step": step + 1}))
        if step == 3 and trial.attempt == 1 and os.environ.get("KILLED"):
            time.sleep(1.5)  # the uploader has sent what is there
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.should_prune:
            raise TrialPruned
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {trial.directory.name != '' and trial.attempt}\n")
    Path("note.txt").write_text(f"x={x}")
    trial.log_artifact("note.txt")
    trial.log_artifact(trial.directory / "state.pt")


if __name__ == "__main__":
    main()
