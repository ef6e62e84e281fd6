"""Opens a model that `trainer_pkg.packaged` has written: MLflow takes this module for the one that reads its pickle.

The file may come from anybody. It is read as tensors and plain values, and its configuration may name what data and
models are made of, nothing else (`trainer_pkg.trusted`); so nothing of it runs.

Example:
    Where MLflow has a model that `sweeps register STUDY --alias champion` has named::

        model = mlflow.pytorch.load_model("models:/STUDY@champion")
        labels = model.predict(images)  # uint8, as the data set has them
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import execution_whitelist
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch._weights_only_unpickler import Unpickler as _Plain

from trainer_pkg.assemble import build
from trainer_pkg.data.transforms import Step
from trainer_pkg.earlier import SUMS, as_today
from trainer_pkg.errors import ConfigError
from trainer_pkg.module import ImageModule
from trainer_pkg.preflight.stored import check_parts
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal
from trainer_pkg.trusted import FROM_CHECKPOINTS

_KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in (Categorical, Ordinal, Continuous)}
_FILE = "model.pth"


class Served(nn.Module):
    """A trained network that takes images as the data set has them.

    Args:
        module: The network.
        mean: On the scale 0 to 255, (C, 1, 1) or (1, 1, 1).
        std: As `mean`.
        transform: What changed the batches of the test; None: nothing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: ImageModule, mean: Tensor, std: Tensor, transform: Step | None = None) -> None:
        super().__init__()
        self.module, self._transform = module, transform
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, image: Tensor, aux: Tensor | None = None) -> dict[str, Tensor]:
        """Head name to output (B, K), of images (B, C, H, W) uint8 and, if the data has them, scalars (B, A)."""
        batch = {"image": image, **({} if aux is None else {"aux": aux})}
        if self._transform is not None:
            batch = self._transform(batch)
        image = batch["image"]
        if not image.is_floating_point():
            image = image.float().sub_(self.mean).div_(self.std)
        outputs: dict[str, Tensor] = self.module(image, batch.get("aux"))
        return outputs

    @torch.no_grad()
    def predict(self, image: Tensor, aux: Tensor | None = None) -> dict[str, Tensor]:
        """Head name to predicted labels (B,): classes, or numbers in the target's unit."""
        return self.module.criteria.predict(self(image, aux))


class Unpickler(_Plain):  # type: ignore[misc]
    """What `torch.load` reads the file with: tensors and plain values alone, from which the model is built."""

    def load(self) -> Served:
        content = super().load()  # type: ignore[no-untyped-call]
        if not isinstance(content, dict) or "state_dict" not in content or "spec" not in content:
            raise ConfigError("This file is no model of this trainer: it holds no state_dict and no spec.")
        return _built(content)


def _built(content: Mapping[str, Any]) -> Served:
    parts = {"model": content["model"], "data": {"eval_transform": content.get("eval_transform")}}
    check_parts(parts, {}, "The model")
    transform = parts["data"]["eval_transform"]
    # Whoever loads a model draws as if it had not been built.
    with torch.random.fork_rng(devices=()), execution_whitelist(list(FROM_CHECKPOINTS)):
        module = build(OmegaConf.create(parts["model"]), spec=spec_of(content["spec"]))
        step = build(OmegaConf.create(transform)) if transform else None
    sums = {name: start for name, start in module.state_dict().items() if name.startswith(SUMS)}
    module.load_state_dict(sums | as_today(content["state_dict"], module))
    mean, std = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in content["scale"])
    return Served(module, mean, std, step).eval()


def spec_of(plain: Mapping[str, Any]) -> DataSpec:
    """The spec that was written as plain values.

    Raises:
        ConfigError: It names a kind of target that does not exist.
    """
    targets = {}
    for name, values in plain["targets"].items():
        kind = _KINDS.get(str(values.get("kind")))
        if kind is None:
            raise ConfigError(f"Target {name!r} is of kind {values.get('kind')!r}. Known: {', '.join(_KINDS)}.")
        targets[name] = kind(**{key: value for key, value in values.items() if key != "kind"})
    channels, height, width = plain["input_shape"]
    return DataSpec(input_shape=(channels, height, width), targets=targets, num_aux=plain["num_aux"])


class _Predictor:
    """The model as MLflow's plain function of arrays."""

    def __init__(self, model: Served) -> None:
        self._model = model

    def predict(self, inputs: Mapping[str, Any], params: Any = None) -> dict[str, Any]:
        """Head name to predicted labels (B,), as arrays."""
        tensors = {name: torch.as_tensor(values) for name, values in inputs.items()}
        return {name: labels.numpy() for name, labels in self._model.predict(**tensors).items()}


def _load_pyfunc(path: str) -> _Predictor:
    import trainer_pkg.served as reader

    return _Predictor(torch.load(Path(path) / _FILE, pickle_module=reader, weights_only=False))
