"""The name that configurations give to `trainer_pkg.tools.generated`."""

from trainer_pkg.tools.generated import Generated

__all__ = ["Generated"]
