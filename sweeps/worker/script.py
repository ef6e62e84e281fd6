"""The main module of a command, as another process has it: imported again, or not at all."""

import ast
import contextlib
import dataclasses
import io
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import cloudpickle

_SCRIPT = "__mp_main__"
"""The name under which multiprocessing imports a script again."""

_MOST_VALUES = 10_000
"""Values that a global of the script may hold and still be given to the trials."""


_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
"""What runs after an import."""


class Script:
    """The main module of this command.

    Args:
        module: The module `__main__`.
        frame: Where to look for the line of the module that runs now.
    """

    def __init__(self, module: ModuleType, frame: FrameType | None) -> None:
        self._module = module
        tree = _source(module)
        guards = _guards(tree)
        is_again = tree is not None and not _runs_unguarded(module, frame, guards)
        self._own = {name for guard in guards for name in _stored(guard)}
        self._read = (
            {name for node in ast.walk(tree) if isinstance(node, _LATER) for name in _names(node)} if tree else set()
        )
        spec = getattr(module, "__spec__", None)
        self.name: str | None = (spec.name if spec is not None else _SCRIPT) if is_again else None

    @classmethod
    def running(cls) -> "Script":
        """The script of this process, seen from the line that runs now."""
        return cls(sys.modules["__main__"], sys._getframe(1))

    def has(self, thing: Any) -> bool:
        """Whether another process finds this function or class in its own import of the script."""
        path = getattr(thing, "__qualname__", "")
        is_here = self.name is not None and not self.sets(path)
        return is_here and getattr(thing, "__module__", None) == "__main__" and _at(self._module, path) is thing

    def sets(self, path: str) -> bool:
        """Whether a dotted name is bound below `if __name__ == "__main__"`, where no import comes."""
        return path.partition(".")[0] in self._own

    def globals(self) -> dict[str, bytes]:
        """What the import of the script in another process may lack: plain values, and what is set under its guard.

        What its functions never read is left out, and so is what cannot be pickled; a task that needs it says so.
        """
        if self.name is None:
            return {}
        found = {}
        for name, value in list(vars(self._module).items()):
            if name in self._read and not name.startswith("__") and (name in self._own or _is_plain(value)):
                with contextlib.suppress(Exception):
                    found[name] = self.pack(value)
        return found

    def pack(self, thing: Any) -> bytes:
        """Pickle: by name what another process can import, by value what it cannot."""
        file = io.BytesIO()
        _Pickler(file, self).dump(thing)
        return file.getvalue()


_SENTINELS = {id(getattr(dataclasses, name)): name for name in ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")}
"""What the fields of a dataclass are compared with by identity: by value, cloudpickle makes others of them."""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, script: Script) -> None:
        super().__init__(file)
        self._script = script

    def reducer_override(self, obj: Any) -> Any:
        if (name := _SENTINELS.get(id(obj))) is not None:
            return getattr, (dataclasses, name)
        if isinstance(obj, type | FunctionType) and self._script.has(obj):
            return look_up, (self._script.name, obj.__qualname__)
        return super().reducer_override(obj)


def look_up(module: str, path: str) -> Any:
    """What has that dotted name in a module.

    Raises:
        AttributeError: Nothing has.
        ImportError: There is no such module.
    """
    from importlib import import_module

    main = sys.modules["__main__"]
    # In the command itself a module that was started by `python -m` has the name `__main__`.
    is_main = main.__name__ == "__main__" and getattr(getattr(main, "__spec__", None), "name", None) == module
    found = _at(main if is_main else sys.modules.get(module) or import_module(module), path)
    if found is None:
        raise AttributeError(f"{module} has no {path}")
    return found


def give_globals(script: str, packed: dict[str, bytes]) -> None:
    """Set what the import of a script lacks.

    Args:
        script: Name under which this process has imported it.
        packed: Name to value, as `Script.globals` gives them.
    """
    module = vars(sys.modules[script]) if script in sys.modules else {}
    functions = (thing for thing in module.values() if isinstance(thing, FunctionType))
    # `runpy` gives multiprocessing a copy of the namespace that the functions of the script read.
    read = next((f.__globals__ for f in functions if f.__globals__.get("__name__") == script), module)
    for name, data in packed.items() if module else ():
        with contextlib.suppress(Exception):
            value = pickle.loads(data)
            if name not in module or not _is_same(module[name], value):
                module[name] = read[name] = value


@contextlib.contextmanager
def hidden_main(is_hidden: bool) -> Iterator[None]:
    """Meanwhile multiprocessing does not see the main module: a new process would run it again."""
    main: dict[str, Any] = vars(sys.modules["__main__"])
    kept: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main} if is_hidden else {}
    main.update(dict.fromkeys(kept))
    try:
        yield
    finally:
        main.update(kept)


def _at(module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _source(module: ModuleType) -> ast.Module | None:
    """None where the module has no source that can be imported."""
    path = Path(getattr(module, "__file__", None) or "<none>")
    try:
        return ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None


def _guards(tree: ast.Module | None) -> list[ast.If]:
    """The blocks below `if __name__ == "__main__"`."""
    body = tree.body if tree is not None else []
    return [node for node in body if isinstance(node, ast.If) and "__name__" in _names(node.test)]


def _runs_unguarded(module: ModuleType, frame: FrameType | None, guards: list[ast.If]) -> bool:
    """Whether the line of the module that runs now would run again with each import."""
    while frame is not None:
        if frame.f_globals is vars(module) and frame.f_code.co_name == "<module>":
            return not any(guard.lineno <= frame.f_lineno <= (guard.end_lineno or 0) for guard in guards)
        frame = frame.f_back
    return False


def _names(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _stored(guard: ast.If) -> Iterator[str]:
    """Names that a block binds."""
    for node in (found for statement in guard.body for found in ast.walk(statement)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


def _is_plain(value: Any) -> bool:
    """Whether it is made of Python's own values alone, and not of very many."""
    left, num_values = [value], 0
    while left:
        item = left.pop()
        num_values += 1
        if num_values > _MOST_VALUES:
            return False
        if type(item) is dict:
            left.extend((*item.keys(), *item.values()))
        elif type(item) in (list, tuple, set, frozenset):
            left.extend(item)
        elif item is not None and type(item) not in (bool, int, float, complex, str, bytes):
            return False
    return True


def _is_same(known: Any, value: Any) -> bool:
    return type(known) is type(value) and _is_plain(known) and known == value
