"""A fit in two processes, whose loss is what is swept; each notes the epochs that it trains."""

import os
import signal
import time
from pathlib import Path

import hydra
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from sweeps import current_trial
from sweeps.lightning import TrialCallback

TASK = None  # its process


def note(line):
    with Path("results.txt").open("a") as file:
        file.write(f"{line}\n")


class Net(LightningModule):
    def __init__(self, x):
        super().__init__()
        self.layer, self.x = torch.nn.Linear(1, 1), x

    def training_step(self, batch):
        return self.layer(batch[0]).mean()

    def validation_step(self, batch):
        self.log("loss", float(self.x), sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Notes(Callback):
    def __init__(self, attempt, fault):
        self.attempt, self.fault = attempt, fault

    def on_train_epoch_start(self, trainer, module):
        epoch, rank = trainer.current_epoch, trainer.global_rank
        note(f"attempt {self.attempt} rank {rank} epoch {epoch}")
        if self.fault == "dies" and self.attempt == 1 and epoch == 2 and rank == 0:
            os.kill(TASK, signal.SIGKILL)
            time.sleep(60)  # the rest of its group is ended
        if self.fault == "raises" and rank == 0:
            raise FloatingPointError("rank 0 is lost:\n  all is")


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    global TASK
    trial, TASK = current_trial(), os.getpid()
    # A rank that is a process of its own is in no study: the first one's attempt is handed on.
    attempt = int(os.environ.setdefault("ATTEMPT", str(trial.attempt)))
    loader = DataLoader(TensorDataset(torch.rand(8, 1)), 2)
    trainer = Trainer(
        max_epochs=cfg.get("epochs", 4),
        accelerator="cpu",
        devices=2,
        strategy=cfg.strategy,
        callbacks=[Notes(attempt, cfg.get("fault")), TrialCallback()],
        default_root_dir=trial.directory,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Net(cfg.x), loader, loader)
    return float(trainer.callback_metrics["loss"])


if __name__ == "__main__":
    main()
