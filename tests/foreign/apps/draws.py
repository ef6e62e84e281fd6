"""Draws from the generators of Python, NumPy and PyTorch, which the script seeds first where SEEDS is set."""

import os
import random
from pathlib import Path

import hydra
import numpy as np
import torch

if os.environ.get("SEEDS"):
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    drawn = (random.random(), float(np.random.rand()), torch.rand(1).item())
    with Path("results.txt").open("a") as file:
        file.write(" ".join(f"{number:.12f}" for number in drawn) + "\n")
    return float(cfg.x)


if __name__ == "__main__":
    main()
