"""A Lightning application that knows one callback of ours; its first attempt is killed after three epochs."""

import os
import signal
import time
from pathlib import Path

import hydra
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

from sweeps import current_trial
from sweeps.lightning import TrialCallback


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch).square().mean()

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Killed(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        with Path("epochs.txt").open("a") as file:
            file.write(f"{current_trial().attempt} {trainer.current_epoch}\n")
        if trainer.current_epoch == 3 and current_trial().attempt == 1:
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    rows = DataLoader(torch.ones(4, 1))
    for fold in range(int(os.environ.get("FOLDS", "1"))):
        trainer = Trainer(
            max_epochs=2 if fold == 0 and "FOLDS" in os.environ else 5,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            callbacks=[
                TrialCallback(),
                Killed(),
                ModelCheckpoint(dirpath=current_trial().directory / "checkpoints", save_last=True),
            ],
        )
        trainer.fit(Module(), rows, rows)


if __name__ == "__main__":
    main()
