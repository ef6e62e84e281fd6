"""Learns that it should stop, and ends in one way or another."""

import time

import hydra

from sweeps import TrialPruned, current_trial


def wait():
    deadline = time.monotonic() + 30
    while not current_trial().should_prune:
        if time.monotonic() > deadline:
            raise TimeoutError("nothing has stopped it")
        time.sleep(0.01)


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    current_trial().report({"loss": 5.0}, step=1)
    wait()
    if cfg.x == "wrapped":
        try:
            raise TrialPruned
        except TrialPruned as error:
            raise RuntimeError("training failed") from error
    if cfg.x == "swallowed":
        try:
            raise TrialPruned
        except Exception:
            return 0.0
    if cfg.x == "goes_on":
        current_trial().report({"loss": 6.0}, step=2)
        return 6.0
    return 4.0  # as behind a `break`


if __name__ == "__main__":
    main()
