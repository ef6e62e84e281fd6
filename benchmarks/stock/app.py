"""The usual way: Hydra's Optuna sweeper, the joblib launcher, torchvision's loader, Lightning's MLFlowLogger."""

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger
from torch.nn import functional as F
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

from benchmarks.floor import BATCH_SIZE, Network

warnings.simplefilter("ignore")
_MAPS = {"thickness": [2, 1, 3, 3, 2, 3, 2, 1, 4, 3], "smoothness": [2, 0, 1, 1, 0, 1, 2, 0, 2, 2]}


class Module(LightningModule):
    """Three heads on one body, logged with `self.log`."""

    def __init__(self, model: str, thickness: float) -> None:
        super().__init__()
        self.network = Network(model)
        self.factors = {"digit": 1.0, "thickness": thickness, "smoothness": 1.0}
        self.maps = {head: torch.tensor(table) for head, table in _MAPS.items()}

    def _losses(self, stage: str, batch: Any) -> Any:
        images, digits = batch
        labels = {"digit": digits, **{head: table[digits] for head, table in self.maps.items()}}
        outputs = self.network(images)
        loss = sum(self.factors[head] * F.cross_entropy(outputs[head], labels[head]) for head in labels)
        self.log(f"{stage}/loss", loss, on_epoch=True, on_step=False)
        for head in labels:
            hits = (outputs[head].argmax(1) == labels[head]).float().mean()
            self.log(f"{stage}/{head}_acc", hits, on_epoch=True, on_step=False)
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self._losses("train", batch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._losses("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._losses("test", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


@hydra.main(config_path=".", config_name="config", version_base=None)
def main(cfg: Any) -> float:
    """One trial, as a template's `train.py` runs it."""
    torch.set_num_threads(1)
    folder = Path(hydra.utils.get_original_cwd())
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    full = datasets.MNIST(cfg.data_dir, train=True, transform=transform)
    train, val = random_split(full, [55000, 5000], generator=torch.Generator().manual_seed(42))
    test = datasets.MNIST(cfg.data_dir, train=False, transform=transform)
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        logger=MLFlowLogger("stock", tracking_uri=f"sqlite:///{folder}/mlflow.db"),
        callbacks=[ModelCheckpoint(dirpath=HydraConfig.get().runtime.output_dir, monitor="val/digit_acc", mode="max")],
    )
    module = Module(cfg.model, cfg.thickness)
    trainer.fit(module, DataLoader(train, BATCH_SIZE, shuffle=True), DataLoader(val, 250))
    best = float(trainer.callback_metrics["val/digit_acc"])
    trainer.test(module, DataLoader(test, 250), verbose=False)
    with (folder / "digit.txt").open("a") as file:
        file.write(f"{float(trainer.callback_metrics['test/digit_acc'])}\n")
    return best


if __name__ == "__main__":
    main()
