"""Which modules the fork server imports, once for all trials."""

from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Any

from sweeps.errors import StudyError
from sweeps.versions import targets as constructors
from sweeps.versions import trusted_by
from sweeps.worker.task import Task


def modules_of(task: Task, context: Any, configs: Iterable[Any], preload: Sequence[str] = ()) -> tuple[str, ...]:
    """The modules of the task and of every constructor that these configurations name, as far as they are trusted.

    Args:
        task: The task function.
        context: Hydra's context.
        configs: Composed configurations.
        preload: Further modules, which come last.
    """
    targets = {target for composed in configs for target in constructors(composed)}
    trusted = trusted_by(context)
    named = sorted({target.rpartition(".")[0] for target in targets if _is_trusted(target, trusted)})
    # The task's own module first, as in a plain run: what it prepares is there before the others are imported.
    modules = dict.fromkeys((task.module, *named, *preload))
    return tuple(name for name in modules if name not in ("__main__", "__mp_main__", ""))


def check_preload(modules: Any, task: str, trusted: Any) -> None:
    """Refuse `study.preload` where it names what is not there. Nothing is imported.

    Args:
        modules: The setting.
        task: `module:function` of the task function: all of its package is trusted.
        trusted: Constructors that the application trusts, as Hydra keeps them.

    Raises:
        StudyError: It is no list of modules, or one is not there or not trusted.
    """
    modules = [] if modules is None else modules
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        raise StudyError(f"study.preload={modules}. Valid: a list of modules, such as [my_package.training].")
    for name in modules:
        if not _is_there(name):
            raise StudyError(f"study.preload: there is no module {name!r}. Valid: what `import` finds here.")
        package = name.partition(".")[0]
        if package != task.partition(":")[0].partition(".")[0] and not _is_trusted(name, trusted):
            raise StudyError(
                f"study.preload: the application does not trust {name!r}. Add it to its execution_whitelist."
            )


def _is_there(name: str) -> bool:
    first, *rest = name.split(".")
    spec, path = find_spec(first) if first else None, first
    for part in rest:
        path = f"{path}.{part}"
        spec = spec and PathFinder.find_spec(path, spec.submodule_search_locations or [])
    return spec is not None


def _is_trusted(target: str, whitelist: Any) -> bool:
    """Whether Hydra would build it: to import a module is to run it. An application without a whitelist trusts all."""
    if not isinstance(whitelist, tuple):
        return True
    return any(target.startswith(known[:-1]) if known.endswith(".*") else target == known for known in whitelist)
