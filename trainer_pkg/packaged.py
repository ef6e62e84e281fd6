"""A trained network as a folder in MLflow's format, which `mlflow.pytorch.load_model` opens; written without MLflow.

The file of the weights is no pickle of objects: tensors and plain values, with the configuration that rebuilds the
network. MLflow reads it with the pickle module that `pickle_module_info.txt` names, which is `trainer_pkg.served`.
"""

import contextlib
import functools
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml

from trainer_pkg.assemble import Run
from trainer_pkg.atomic import write_atomically
from trainer_pkg.checkpoint import load_best, newest_valid
from trainer_pkg.earlier import SUMS
from trainer_pkg.spec import Continuous, DataSpec

LOADER = "trainer_pkg.served"
_WEIGHTS = "data/model.pth"
_OF_TRAINING = ("balancer.", "weights_used.", SUMS)


def package(made: Run, folder: Path, weights: Mapping[str, Any] | None = None) -> Path | None:
    """Write the best checkpoint of a run that has trained as a model.

    Args:
        made: Its objects, after the fit.
        folder: Folder of the model.
        weights: Those of the best checkpoint; None: they are read from it.

    Returns:
        The folder; None where the run has kept no checkpoint.
    """
    best = getattr(made.trainer.checkpoint_callback, "best_model_path", "")
    checkpoint = Path(best) if best else newest_valid(folder.parent / "checkpoints")
    if checkpoint is None or not checkpoint.is_file():
        return None
    made.data.setup()  # where a strategy trains in processes of its own, nobody has done it in this one
    config = made.record.config
    kept = load_best(checkpoint)["state_dict"] if weights is None else weights
    # What opens the model never trains: it needs no balancer, nor the packages of one, nor the sums of an epoch.
    content = {
        "state_dict": {name: w for name, w in kept.items() if not name.startswith(_OF_TRAINING)},
        "model": {key: value for key, value in config["model"].items() if key != "balancer"},
        "eval_transform": config["data"].get("eval_transform"),
        "spec": as_plain(made.data.spec),
        "scale": [values.flatten().tolist() for values in made.data.scale],
    }
    write_atomically(folder / _WEIGHTS, lambda file: torch.save(content, file))
    texts = {
        "data/pickle_module_info.txt": LOADER,
        "requirements.txt": "".join(f"{line}\n" for line in _requirements()),
        "MLmodel": yaml.safe_dump(_described(made), sort_keys=False),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def as_plain(spec: DataSpec) -> dict[str, Any]:
    """What `spec_of` of `trainer_pkg.served` turns back into the spec."""
    targets = {name: {"kind": type(target).__name__, **asdict(target)} for name, target in spec.targets.items()}
    return {"input_shape": list(spec.input_shape), "targets": targets, "num_aux": spec.num_aux}


def _described(made: Run) -> dict[str, Any]:
    """What MLflow asks of a model: how to load it, what it takes and what it gives."""
    spec = made.data.spec
    inputs = [_tensor("image", "uint8", made.data.source.spec.input_shape)]
    if spec.num_aux:
        inputs.append(_tensor("aux", "float32", (spec.num_aux,)))
    trained = {name: spec.targets[name] for name in made.module.criteria.weights}
    kinds = {name: "float32" if isinstance(target, Continuous) else "int64" for name, target in trained.items()}
    outputs = [_tensor(name, kind, ()) for name, kind in kinds.items()]
    return {
        "flavors": {
            "pytorch": {"model_data": "data", "pytorch_version": str(torch.__version__), "code": None},
            "python_function": {
                "loader_module": LOADER,
                "data": "data",
                "python_version": platform.python_version(),
            },
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }


def _tensor(name: str, kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"type": "tensor", "name": name, "tensor-spec": {"dtype": kind, "shape": [-1, *shape]}}


@functools.cache
def _requirements() -> Sequence[str]:
    lines = []
    for name in ("hydra-sweeps-trainer", "torch", "lightning"):
        # The package itself may be a copy of the sources.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            lines.append(f"{name}=={importlib.metadata.version(name).partition('+')[0]}")
    return lines
