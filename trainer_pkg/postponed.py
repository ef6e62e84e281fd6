"""What a start leaves for later: collections of garbage, and an import of 0.8 s that no run needs, `scipy.signal`.

Lightning imports torchmetrics, and torchmetrics imports `scipy.signal` only to see that it has `hamming`: scipy 1.13
took that name away, and an audio package still asks for it.
"""

import gc
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_NAME = "scipy.signal"
_LOCK = threading.RLock()
_USUAL = gc.get_threshold()


def collect_rarely() -> None:
    """Collect little garbage from now on: the imports of torch and Lightning would be searched a hundred times."""
    gc.set_threshold(50_000, 10, 10)


def collect_as_usual() -> None:
    """Collect garbage as Python does it."""
    gc.set_threshold(*_USUAL)


def postpone_scipy_signal() -> None:
    """Let `import scipy.signal` be done at once; the module runs when somebody asks it for anything but `hamming`."""
    if _NAME not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the module where it is, with a loader that waits."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _NAME else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Waiting(spec.loader)
        return spec


class _Waiting(Loader):
    """Loads a module when it is first asked for something that it does not have yet."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(hamming=lambda *args, **kwargs: module.windows.hamming(*args, **kwargs))
        module.__class__ = _Postponed

    def run(self, module: ModuleType) -> None:
        """Do what the import has left out."""
        spec = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = module.__loader__ = self._loader
            self._loader.exec_module(module)
            module.__class__ = ModuleType


class _Postponed(ModuleType):
    """Stands for the module until then."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            loader = self.__spec__.loader if self.__spec__ else None
            if isinstance(loader, _Waiting):
                loader.run(self)
        return ModuleType.__getattribute__(self, name)
