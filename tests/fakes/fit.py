"""A Hydra application whose Lightning fit gets stuck where it is told to."""

import time
from typing import Any

import hydra
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from sweeps.lightning import TrialCallback

FOREVER_S = 3600


class Rows(Dataset[Tensor]):
    """Eight rows; a loader process gets stuck at the fifth where told to."""

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        if self._hangs and index == 4:
            time.sleep(FOREVER_S)
        return torch.ones(3)


class Module(LightningModule):
    def __init__(self, hangs: bool) -> None:
        super().__init__()
        self._hangs = hangs
        self._layer = nn.Linear(3, 1)

    def training_step(self, rows: Tensor, batch_idx: int) -> Tensor:
        if self._hangs and batch_idx == 2:
            time.sleep(FOREVER_S)
        return self._layer(rows).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class StuckIO(TorchCheckpointIO):
    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        time.sleep(FOREVER_S)


@hydra.main(config_path="conf", config_name="app")
def main(cfg: DictConfig) -> float:
    print(f"x={cfg.x}", flush=True)
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        default_root_dir=".",
        logger=False,
        enable_progress_bar=False,
        callbacks=[TrialCallback()],
        plugins=[StuckIO()] if cfg.mode == "checkpoint" else [],
    )
    # Two processes load, so that the group has more members than the trial.
    loader = DataLoader(Rows(cfg.mode == "loader"), num_workers=2, persistent_workers=True)
    trainer.fit(Module(cfg.mode == "step"), loader)
    return 1.0


if __name__ == "__main__":
    main()
