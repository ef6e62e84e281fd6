"""What the batches of a split give of each row."""

from collections.abc import Mapping

from torch import Tensor


class Gathered:
    """Values of all rows, which come batch by batch; room for all is made with the first.

    Kept one by one they would lie between what batches need for a moment, whose memory could not be used again as one
    piece: a test of six `mlp` took 20 MB more.

    Args:
        num_rows: N, the rows of all batches.

    Attributes:
        columns: Name to values, (..., N).
    """

    def __init__(self, num_rows: int) -> None:
        self._num_rows, self._num_done = num_rows, 0
        self.columns: dict[str, Tensor] = {}

    def add(self, batch: Mapping[str, Tensor]) -> None:
        """Take the values of the next batch, name to (..., B); each batch has the same names."""
        start = self._num_done
        for name, part in batch.items():
            if name not in self.columns:
                self.columns[name] = part.new_empty(*part.shape[:-1], self._num_rows)
            self.columns[name][..., start : start + part.shape[-1]] = part
            self._num_done = start + part.shape[-1]
