"""Leaves work to the end of its process: functions of `atexit`, temporary folders, runs of MLflow."""

import atexit
import os
import tempfile
from pathlib import Path

import hydra

OF_SERVER = tempfile.TemporaryDirectory(dir=".", prefix="of-server-")
OPEN = Path("open.txt").open("a")  # noqa: SIM115 - nobody closes it
OPEN.write("imported\n")
kept = []


def note(line):
    with Path("results.txt").open("a") as file:
        file.write(f"{line}\n")


atexit.register(note, "of-server")


def fail(x):
    note(f"{x} fails")
    raise ValueError("no such end")


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    note(f"{cfg.x} server's folder {Path(OF_SERVER.name).is_dir()}")
    kept.append(tempfile.TemporaryDirectory(dir=".", prefix="of-trial-"))
    OPEN.write(f"{cfg.x}\n")
    kept.append(Path("open-too.txt").open("ab"))  # noqa: SIM115
    kept[-1].write(b"%d\n" % cfg.x)
    atexit.register(note, f"{cfg.x} first")
    atexit.register(fail, cfg.x)
    if os.environ.get("TRACKED"):
        import mlflow

        mlflow.start_run(run_name="the trial's")
        mlflow.end_run()
        mlflow.start_run(run_name="open")
    if cfg.x == 3:
        raise RuntimeError("broken")
    return float(cfg.x)


if __name__ == "__main__":
    main()
