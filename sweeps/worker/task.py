"""The task that Hydra was given, and how another process gets exactly that callable."""

import ast
import importlib
import inspect
import pickle
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from sweeps.errors import StudyError, first_line
from sweeps.redact import text
from sweeps.worker.script import Script, look_up

_MOST_LAYERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task function, whatever callable that is; plain pickle takes it.

    Attributes:
        name: `module:function`, for people and for the study.
        module: Where another process finds it by its name; empty where it cannot.
        layers: How many wrappers, Hydra's own and those above, lie over it there.
        packed: The callable itself, pickled; empty where it has a module.
        returns_nothing: Whether its source says that it never returns a value.
    """

    name: str
    module: str = ""
    layers: int = 0
    packed: bytes = b""
    returns_nothing: bool = False

    @classmethod
    def of(cls, function: Any, script: Script) -> "Task":
        """The task as it will be found again.

        Args:
            function: What `hydra.main` was given.
            script: The script of this command.

        Raises:
            StudyError: No other process can have it.
        """
        name, silent = task_name(function), _returns_nothing(function)
        module, _, path = name.partition(":")
        known = sys.modules.get(module)
        if getattr(function, "__module__", None) == "__main__":
            known, module = sys.modules["__main__"], "" if script.sets(path) else script.name or ""
        layers = _layers(known, path, function) if module else None
        if layers is not None:
            return cls(name=name, module=module, layers=layers, returns_nothing=silent)
        try:
            return cls(name=name, packed=script.pack(function), returns_nothing=silent)
        except Exception as error:  # whatever the pickling of a foreign object raises
            why = text(f"{type(error).__name__}: {first_line(error)}")
            raise StudyError(
                f"The task {name} cannot be given to the processes of trials ({why})."
                " Define it as a function of a module, or keep what cannot be pickled out of it."
            ) from error

    def find(self) -> Any:
        """The callable, in a process that has imported the application."""
        if not self.module:
            return pickle.loads(self.packed)
        if self.module not in sys.modules:
            importlib.import_module(self.module)
        found = look_up(self.module, self.name.partition(":")[2])
        for _ in range(self.layers):
            found = found.__wrapped__
        return found


def task_name(function: Any) -> str:
    """`module:function`, from which another process finds the task again where it can."""
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None) or type(function).__module__
    if module == "__main__" and (spec := getattr(sys.modules["__main__"], "__spec__", None)) is not None:
        module = spec.name  # started by `python -m`
    return f"{module}:{named.__qualname__}"


def _layers(module: Any, path: str, function: Any) -> int | None:
    """How many wrappers lie over the function where its name leads; None: they do not lead to it."""
    found = module
    for part in path.split("."):
        found = inspect.getattr_static(found, part, None)
    found = found.__func__ if isinstance(found, staticmethod) else found
    for layers in range(_MOST_LAYERS):
        if found is function:
            return layers
        found = getattr(found, "__wrapped__", None)
    return None


def _returns_nothing(function: Any) -> bool:
    """Whether a plain function has no `return` with a value; a callable of another kind may return anything."""
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))
    except (OSError, TypeError, SyntaxError):
        return False
    is_function = tree.body and isinstance(tree.body[0], ast.FunctionDef)
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Return))
    return bool(is_function) and all(v is None or (isinstance(v, ast.Constant) and v.value is None) for v in values)
