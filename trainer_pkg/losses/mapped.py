"""A loss that reads any entries of the batch and of the outputs."""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean


class Mapped(nn.Module):
    """Calls a loss with entries of the batch and of the outputs, by the names of the loss's arguments.

    Args:
        loss: Any loss; it gives a scalar.
        inputs: Argument of the loss to entry: `outputs.<head>` (B, K) or `batch.<column>` (B, ...).

    Raises:
        ConfigError: An entry is spelled otherwise, or does not exist.

    Example:
        >>> import torch
        >>> loss = Mapped(nn.MSELoss(), {"input": "outputs.thickness", "target": "batch.width"})
        >>> loss({"thickness": torch.zeros(2, 1)}, {"width": torch.full((2, 1), 3.0)}).item()
        9.0
    """

    def __init__(self, loss: nn.Module, inputs: Mapping[str, str]) -> None:
        super().__init__()
        self.loss = loss
        self._inputs = {argument: entry.partition(".")[::2] for argument, entry in inputs.items()}
        for argument, entry in inputs.items():
            if entry.partition(".")[0] not in ("outputs", "batch"):
                raise ConfigError(f"inputs.{argument}={entry} must be outputs.<head> or batch.<column>.")

    @property
    def heads(self) -> list[str]:
        """The heads whose outputs it reads."""
        return [name for table, name in self._inputs.values() if table == "outputs"]

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        tables = {"outputs": outputs, "batch": batch}
        given = {}
        for argument, (table, name) in self._inputs.items():
            if name not in tables[table]:
                known = did_you_mean(name, tables[table])
                raise ConfigError(f"inputs.{argument}={table}.{name} is not there. In {table}: {known}")
            given[argument] = tables[table][name]
        return self.loss(**given)  # type: ignore[no-any-return]
