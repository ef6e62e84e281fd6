"""A loss that reads other entries than its head's outputs and labels."""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean


class Mapped(nn.Module):
    """Calls any loss with entries of the batch and of the predictions.

    Args:
        loss: What is called; gives a scalar.
        inputs: Its argument to an entry: `outputs.<head>` (B, K) or `batch.<column>` (B, ...).

    Raises:
        ConfigError: An entry is spelled otherwise, or is not there.
    """

    def __init__(self, loss: nn.Module, inputs: Mapping[str, str]) -> None:
        super().__init__()
        self.loss = loss
        self._inputs = {argument: entry.partition(".")[::2] for argument, entry in inputs.items()}
        for argument, entry in inputs.items():
            if entry.partition(".")[0] not in ("outputs", "batch"):
                raise ConfigError(f"inputs.{argument}={entry} must be outputs.<head> or batch.<column>.")

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        tables = {"outputs": outputs, "batch": batch}
        given = {}
        for argument, (table, name) in self._inputs.items():
            if name not in tables[table]:
                known = did_you_mean(name, tables[table])
                raise ConfigError(f"inputs.{argument}={table}.{name} is not there. In {table}: {known}")
            given[argument] = tables[table][name]
        return self.loss(**given)  # type: ignore[no-any-return]
