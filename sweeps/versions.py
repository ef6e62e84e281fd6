"""What differs between the versions that `sweeps` runs on: Hydra 1.3 and 1.4, OmegaConf 2.3 and 2.4. Nowhere else."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from inspect import signature
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

_whitelist: Callable[[Any], AbstractContextManager[None]] | None = getattr(hydra.utils, "execution_whitelist", None)
_has_new_resolvers = "replace" in signature(OmegaConf.register_resolver).parameters

SWEEPER = "sweeps.sweeper.StudySweeper" if _whitelist else "hydra_plugins.hydra_sweeps.plugin.StudySweeper"
"""The class of the sweeper: Hydra 1.3 takes a plugin from the package `hydra_plugins` alone."""

_DISTRUSTED = re.compile(r"(?:Target )?'(.+)' is not in the Hydra execution whitelist")


def trusted_by(context: Any) -> Any:
    """The constructors that an application trusts; None where it has no list, as before Hydra 1.4."""
    return getattr(context, "execution_whitelist", None)


def trusting(names: Any) -> AbstractContextManager[None]:
    """Meanwhile Hydra builds what `names` lists, and what it trusted before."""
    return nullcontext() if _whitelist is None else _whitelist(names)


def instantiate_only(spec: Any, trusted: Any, names: Sequence[str]) -> Any:
    """Build what a specification says, where all its constructors are trusted or in `names`.

    Raises:
        InstantiationException: One is neither.
    """
    if _whitelist is None:
        for target in targets(spec):
            if target not in names and target not in trusted:
                raise InstantiationException(f"{target!r} is not in the Hydra execution whitelist.")
    with trusting(trusted), trusting(names):
        return hydra.utils.instantiate(spec)


def build_trusted(spec: Any, trusted: Any, names: Sequence[str] = ()) -> Any:
    """Build what the settings of a study say; a worker may have them from the database.

    Args:
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts, as Hydra keeps them. None: it has no list, and trusts what is
            typed, but not what a worker has from the database.
        names: What is trusted in any application.

    Raises:
        InstantiationException: A constructor is not trusted, or refuses its arguments.
    """
    with warnings.catch_warnings():
        # Hydra warns where an application has no list, and Optuna of what is experimental, which was asked for.
        warnings.simplefilter("ignore")
        if trusted is None and not os.environ.get("SWEEPS_STORED_COMMAND"):
            return hydra.utils.instantiate(spec)
        return instantiate_only(spec, trusted or [], names)


def why_not_built(error: Exception, trusted: Any, names: Sequence[str] = ()) -> str:
    """What a constructor, or Hydra in its place, has said, in one line; of what is not trusted, what is near it.

    Args:
        error: What `build_trusted` has raised.
        trusted: As it was told.
        names: As it was told.
    """
    cause = error.__cause__ or error
    first, *rest = str(cause).strip().splitlines() or [type(cause).__name__]
    told = f"{first} {rest[0]}" if first.endswith(":") and rest else first
    if not told.endswith((".", ":")) and _goes_on(rest):  # a sentence over several lines
        told = " ".join([first, *rest]).partition(". ")[0].rstrip(".") + "."
    told = told.partition(" Pass _execution_whitelist_")[0]
    if not (distrusted := _DISTRUSTED.match(told)):
        return told
    near = get_close_matches(distrusted[1], [*(trusted or ()), *names], n=1, cutoff=0.8)
    return f"{told} Did you mean {near[0]!r}?" if near else told


def _goes_on(lines: Sequence[str]) -> bool:
    """Whether these lines go on with a sentence; else they say where it is about, such as `full_key: model`."""
    return bool(lines) and all(re.match(r"[A-Z]?[a-z]+[ ,.]", line) for line in lines)


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` that a configuration names, as it is written."""
    plain = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    if isinstance(plain, dict):
        if isinstance(target := plain.get("_target_"), str):
            yield target
        inner: Iterable[Any] = plain.values()
    else:
        inner = plain if isinstance(plain, list) else ()
    for value in inner:
        yield from targets(value)


def replace_resolver(name: str, resolver: Callable[..., Any]) -> None:
    """Register a resolver in the place of another; its annotations are not looked at."""
    if _has_new_resolvers:
        OmegaConf.register_resolver(name, resolver, replace=True, annotation_validation="off")
    else:
        OmegaConf.register_new_resolver(name, resolver, replace=True)
