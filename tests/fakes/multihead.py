"""Small data sets in the format of CIFAR-100-MH, whole and broken."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from trainer_pkg.data import cifar100mh
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.spec import DataSpec, Ordinal

SPEC = DataSpec(
    input_shape=(3, 4, 5),
    targets={"note_velocity": Ordinal(num_classes=128), "note_number": Ordinal(num_classes=33, low=50.0)},
)


def splits(spec: DataSpec = SPEC, num_rows: int = 30) -> dict[str, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    made = {}
    for split in ("train", "test"):
        labels = {
            head: torch.randint(0, int(target.range[1]) + 1, (num_rows,), generator=generator)
            for head, target in spec.targets.items()
        }
        shape = (num_rows, *spec.input_shape)
        made[split] = {"image": torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator), **labels}
    return made


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        set(one[split]) == set(other[split])
        and all(torch.equal(column, other[split][name]) for name, column in one[split].items())
        for split in ("train", "test")
    )


def directory(folder: Path) -> Path:
    cifar100mh.write(folder, SPEC, splits())
    return folder


def rewrite(folder: Path, change: Any, split: str = "train") -> None:
    path = folder / f"{split}_batch"
    batch = read_pickle(path)
    path.write_bytes(pickle.dumps(change(batch) or batch))


def retell(folder: Path, **fields: Any) -> None:
    path = folder / cifar100mh.INFO
    info = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({name: value for name, value in info.items() if value != "absent"}))
