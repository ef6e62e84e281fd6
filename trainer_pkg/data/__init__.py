"""Data sets as tensors in memory that all trials of a machine share."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer_pkg.data.datamodule import DataModule

__all__ = ["DataModule"]


def __getattr__(name: str) -> Any:
    # Who asks a source for its heads, as a sweep over weights does, need not wait for Lightning.
    if name == "DataModule":
        from trainer_pkg.data.datamodule import DataModule

        return DataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
