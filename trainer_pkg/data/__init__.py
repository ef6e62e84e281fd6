"""Data sets as tensors in memory, shared by all trials of a machine."""

from trainer_pkg.data.datamodule import DataModule

__all__ = ["DataModule"]
