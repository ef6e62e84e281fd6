"""Data sets as tensors in memory that all trials of a machine share."""

from trainer_pkg.data.datamodule import DataModule

__all__ = ["DataModule"]
