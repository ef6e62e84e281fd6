"""Ray Tune around the bare loop, one trial per core: `python -m benchmarks.raytune dense 12 data`."""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import torch
from ray import tune

from benchmarks import floor


def _trial(config: dict[str, Any]) -> dict[str, float]:
    torch.set_num_threads(1)
    start = time.time()
    digit = floor.trial(config["model"], floor.Data(Path(config["data_dir"])), config["weight"])
    return {"digit": digit, "start": start, "end": time.time()}


def main() -> None:
    """Run the trials and print the seconds from the first one's start to the last one's end."""
    model, num, data_dir = sys.argv[1], int(sys.argv[2]), str(Path(sys.argv[3]).resolve())
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    space = {"model": model, "data_dir": data_dir, "weight": tune.grid_search(floor.weights(num))}
    results = tune.Tuner(tune.with_resources(_trial, {"cpu": 1}), param_space=space).fit()
    found = [result.metrics for result in results if result.metrics]
    warm_s = max(m["end"] for m in found) - min(m["start"] for m in found)
    print(json.dumps({"warm_s": warm_s, "digit": statistics.mean(m["digit"] for m in found)}))


if __name__ == "__main__":
    main()
