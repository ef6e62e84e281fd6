"""A Hydra application that needs no torch: an analytic objective with a learning curve, and every way to fail."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from storm import wait_out

from sweeps import TrialPruned, current_trial
from sweeps.trial.journal import Journal


def fail(mode: str) -> object:  # noqa: C901 - one case a way to fail
    match mode:
        case "raise":
            raise ValueError("wrong shape")
        case "io":
            raise OSError("disk gone")
        case "memory":
            raise MemoryError
        case "exit":
            os._exit(3)
        case "sysexit":
            raise SystemExit(0)
        case "interrupt":
            raise KeyboardInterrupt
        case "bye":
            raise SystemExit("bye")
        case "close":
            os.closerange(3, 1024)
            return 1.0
        case "noisy":
            raise ValueError(f"\x1b[31mline one\x1b[0m\nline\ttwo {'x' * 300}")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "server":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(600)
        case "hog":
            hoard = []
            while True:  # 200 MB more each 50 ms, up to what a machine has
                hoard.append(b"\1" * 200_000_000)
                time.sleep(0.05)
        case "hold":
            held = b"\1" * 300_000_000
            if os.fork() == 0:
                held = bytes(reversed(held))
                Path("held.txt.part").write_text(str(os.getppid()))
                Path("held.txt.part").rename("held.txt")
            time.sleep(600)
        case "orphan" | "orphan_hang":  # two processes that leave its session, one without a new program
            subprocess.Popen(["sleep", "600"], start_new_session=True)
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
                os._exit(0)
            os.wait()
            Path("orphans.txt").write_text("there")
            time.sleep(600 if mode == "orphan_hang" else 0)
            return 1.0
        case "thread":
            threading.Thread(target=time.sleep, args=(600,)).start()
            return 1.0
        case "full":
            Path("/dev/full").write_text("x" * 100_000)
        case "not_a_number" | "infinite":
            return float("nan" if mode == "not_a_number" else "-inf")
        case "none":
            return None
        case "text":
            return "0.5"
    raise AssertionError(mode)


@hydra.main(config_path="conf", config_name="app")
def main(cfg: DictConfig) -> object:
    print(f"x={cfg.x}", flush=True)
    with Path("executions.txt").open("a") as file:  # one line an execution that got this far
        file.write(f"{cfg.x} {cfg.kind}\n")
    for step in range(3):
        current_trial().show({"loss": cfg.x**2 + 1 / (step + 1)}, step)  # records nothing: `recorded` does
        time.sleep(cfg.sleep_s / 3)
        if current_trial().should_prune:
            raise TrialPruned
    wait_out()
    if cfg.recorded:
        Journal(HydraConfig.get().runtime.output_dir).log(cfg.recorded, step=2)
    return cfg.x**2 if cfg.mode == "ok" else fail(cfg.mode)


if __name__ == "__main__":
    main()
