"""What a trial's process writes of its configuration: nothing that comes from the environment, nothing secret."""

import contextlib
import functools
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from hydra.core import utils as hydra_utils
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from sweeps.identity.origin import Circumstances, gpu_in_use
from sweeps.own_keys import OwnKeys, own_keys
from sweeps.ran import Files
from sweeps.redact import learn_config, learn_variables, tree
from sweeps.trial.files import TrialFiles, write_text
from sweeps.trial.journal import Journal
from sweeps.versions import replace_resolver
from sweeps.worker.own_code import own_files

_noted: dict[Path, Files] = {}
"""Directory of each trial of this process to the files of its code that its journal has."""


def record_attempt(files: TrialFiles, attempt: int, config: Any, origin: Mapping[str, Any], root: str) -> None:
    """Keep the configuration as it is written, less what says how the study runs, and note the attempt.

    Args:
        files: The trial's files.
        attempt: 1 for the first execution.
        config: The composed configuration.
        origin: What the command runs, and who typed it.
        root: The project's folder, from which its files are named.
    """
    ours = own_keys(config)
    write_text(files.config, _yaml(_own(config, ours)))
    choices = {str(group): choice for group, choice in config.hydra.runtime.choices.items() if choice is not None}
    keys = {"seed": ours.seed, "tags": "tags"}  # a tracking server shows their values
    with environment_as_written():
        shown = {name: value for name, key in keys.items() if (value := _resolved(config, key)) is not None}
    shown |= {"seed_key": keys["seed"], "origin": origin, **asdict(Circumstances.here())}
    journal = Journal(files.directory)
    journal.event("attempt", attempt=attempt, pid=os.getpid(), choices=choices, **shown)
    _noted[files.directory] = own_files(root)
    journal.event("code", files=_noted[files.directory])


def record_used(files: TrialFiles, root: str) -> None:
    """Note what the task has used: the GPU, if any, and files of its project that it has imported itself."""
    gpu, known = gpu_in_use(), _noted.pop(files.directory, {})
    new = {name: digest for name, digest in own_files(root).items() if name not in known}
    with contextlib.suppress(OSError):  # a full disk, which the task has met before
        if gpu is not None:
            Journal(files.directory).event("device", device=gpu)
        if new:
            Journal(files.directory).event("code", files=new)


def learn_secrets(config: Any, ours: OwnKeys | None = None) -> None:
    """Remember what the configuration reads from the environment or has under secret keys."""
    learn_config(_own(config, ours or own_keys(config)))
    variables = _plain(config.hydra.job.get("env_set") or {})
    learn_variables({str(name): str(value) for name, value in variables.items()})
    learn_config(variables)


def guard_hydra_files() -> None:
    """Let Hydra write `.hydra/` without secrets: overrides are there as they were typed, and `env_set` resolved."""

    def save(config: Any, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / name, _yaml(config))

    hydra_utils._save_config = save  # type: ignore[assignment]


@contextlib.contextmanager
def environment_as_written() -> Iterator[None]:
    """Meanwhile everything resolves but `oc.env`, which stays as it is written."""

    def written(*arguments: Any) -> str:
        return f"${{oc.env:{','.join('null' if value is None else json.dumps(str(value)) for value in arguments)}}}"

    replace_resolver("oc.env", written)
    try:
        yield
    finally:
        replace_resolver("oc.env", oc.env)


def _own(config: Any, ours: OwnKeys) -> dict[str, Any]:
    """What the application itself has in its configuration."""
    return {str(key): _plain(config._get_node(key)) for key in config if key not in ours.operational}


def _yaml(config: Any) -> str:
    """What `OmegaConf.to_yaml` gives of a configuration without its secrets."""
    plain = tree(_plain(config))
    if not isinstance(plain, dict) or not plain:
        return _text(pickle.dumps(plain))
    return "".join(_section(key, value) for key, value in plain.items())


def _section(key: Any, value: Any) -> str:
    """A part of a mapping, in parts that are kept: most are alike in all trials."""
    inner = value.items() if isinstance(value, dict) else ()
    parts, head = [_text(pickle.dumps({key: {name: part}})) for name, part in inner], f"{key}:\n"
    if not parts or not all(part.startswith(head) for part in parts):  # such as a key that needs quotes
        return _text(pickle.dumps({key: value}))
    return head + "".join(part.removeprefix(head) for part in parts)


@functools.lru_cache(maxsize=1024)
def _text(content: bytes) -> str:
    plain, dumper = pickle.loads(content), get_omega_conf_dumper()
    return str(yaml.dump(plain, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper))


def _plain(node: Any) -> Any:
    """Plain containers with interpolations as written, and names in the place of members of an Enum."""
    if OmegaConf.is_config(node):
        return OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    value = node._value() if hasattr(node, "_value") else node
    return value.name if isinstance(value, Enum) else value


def _resolved(config: Any, key: str) -> Any:
    try:
        value = OmegaConf.select(config, key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException:
        return None  # the task, which may never read it, is not told by us
