"""Tells an error in a configuration in one line."""

import contextlib
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from trainer_pkg.config_folder import config_dir
from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.preflight.signatures import options_of
from trainer_pkg.trusted import WHITELIST, is_trusted


def one_line(error: BaseException) -> str:
    """The error without line breaks: the rule, the value found and the nearest valid ones."""
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    ours = next((link for link in _chain(error) if isinstance(link, ConfigError)), None)
    if ours is not None:
        return re.sub(r"\s+", " ", str(ours))
    text = _first_sentences(str(error))
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and (option := _unset_option(cause)):
        plus = re.search(r"\+\S.*$", str(error), re.MULTILINE)
        text = f"{option}: {plus[0]}" if plus else f"{option}; write it with a plus."
    elif isinstance(cause, OmegaConfBaseException):
        text = f"{text} {_unknown_key(cause)}".strip()
    elif isinstance(error, OmegaConfBaseException):
        text = _unknown_key(error)
    elif isinstance(error, InstantiationException) and cause is not None:
        text = f"{text} ({_first_sentences(str(cause))})"
    return re.sub(r"\s+", " ", text)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _missing_option(error: MissingConfigException) -> str:
    name = error.missing_cfg_file or ""
    group, _, option = name.rpartition("/")
    options = sorted(error.options or [path.stem for path in Path(config_dir(), group).glob("*.yaml")])
    if not group or not options:
        return _first_sentences(str(error))
    return f"{group}={option} does not exist. Options: {did_you_mean(option, options)}"


def _unset_option(error: OmegaConfBaseException) -> str | None:
    """A sentence on a key that is an option of the constructor that stands there, if it is one."""
    parent, key = getattr(error, "parent_node", None), str(getattr(error, "key", ""))
    if "not in struct" not in str(error) or not OmegaConf.is_dict(parent) or _options_of_group(str(error.full_key)):
        return None
    if key not in _options_at(parent):
        return None
    return f"{error.full_key} is an option of {_target(parent)} that the configuration does not set yet"


def _options_of_group(key: str) -> list[str]:
    """The options of the group that a dotted key names, of files and of `trainer_pkg.models`; empty: it names none."""
    group = key.replace(".", "/")
    files = {path.stem for path in Path(config_dir(), group).glob("*.yaml")}
    with contextlib.suppress(OSError):
        return sorted(files | {name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)})
    return sorted(files)


def _options_at(node: Any) -> list[str]:
    """The options of the constructor that a node names."""
    return options_of(_target(node)) if is_trusted(_target(node), WHITELIST) else []


def _target(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False).get("_target_")  # type: ignore[union-attr]


def _unknown_key(error: OmegaConfBaseException) -> str:
    parent = getattr(error, "parent_node", None)
    key = str(getattr(error, "key", "") or "")
    full_key = str(getattr(error, "full_key", "") or key)
    if "not in struct" in str(error) and OmegaConf.is_dict(parent):
        if options := _options_of_group(full_key):
            return f"It is a group: write {full_key.replace('.', '/')}=OPTION. Options: {', '.join(options)}."
        text = did_you_mean(key, sorted(str(name) for name in parent or ()))
        near = get_close_matches(key, _options_at(parent), n=1, cutoff=0.8) if "Did you mean" not in text else []
        hint = f" Did you mean '+{full_key.removesuffix(key)}{near[0]}'?" if near else ""
        return f"Key {full_key!r} does not exist. Known here: {text}{hint}{_of_some_options(full_key)}"
    first = _first_sentences(getattr(error, "msg", None) or str(error))
    return first if full_key in first else f"{full_key}: {first}"


def _of_some_options(key: str) -> str:
    """What to type for a key that may exist with some options only of a group that the line sweeps; else empty."""
    parts = key.split(".")
    around = {"/".join(parts[:length]) for length in range(1, len(parts))}
    for argument in sys.argv[1:]:
        group, _, options = argument.lstrip("+").partition("=")
        if group in around and re.fullmatch(r"[\w/.-]+(,[\w/.-]+)+", options):
            rule = f"'study.when={{{key}: {{{group}: [NAME]}}}}'"
            return f" If only some of {argument} have it, say which, as in {rule}."
    return ""


def _first_sentences(text: str) -> str:
    """The first lines of Hydra's text, before its advice and its own details."""
    kept = []
    for line in text.strip().splitlines():
        if re.match(
            r"\s*(To append to your config|Set the environment|full_key:|object_type|Available options|See https)", line
        ):
            break
        kept.append(line.strip())
    return " ".join(kept)
