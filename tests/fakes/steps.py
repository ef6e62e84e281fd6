"""A Hydra application that counts to ten, and goes on from its checkpoint."""

import signal
import sys
import time

import hydra
from omegaconf import DictConfig

from sweeps import current_trial


@hydra.main(config_path="conf", config_name="app")
def main(cfg: DictConfig) -> float:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    trial = current_trial()
    first = int(trial.checkpoint.read_text()) if trial.checkpoint else 0
    print(f"from step {first}", flush=True)
    for step in range(first, 10):
        time.sleep(cfg.sleep_s)
        (trial.directory / "last.ckpt").write_text(str(step + 1))
    return 0.0


if __name__ == "__main__":
    main()
