"""Turns a user's mistake into one line on stderr and exit code 2."""

import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import CompactHydraException, InstantiationException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.preflight.renamed import answer

# Trusted constructors. Anything else named by a `_target_`, also in a config read from a checkpoint, is refused.
WHITELIST = (
    "trainer_pkg.*",
    "sweeps.*",
    "torch.nn.*",
    "torch.optim.*",
    "torchvision.transforms.v2.*",
    "lightning.pytorch.*",
    "optuna.samplers.*",
    "optuna.pruners.*",
    *filter(None, os.environ.get("SWEEPS_TRUSTED", "").split(",")),  # the user's own: my_package.*
)

# The other parts of a model; null: none.
_MODEL_DEFAULTS = (
    {"adapter": None},
    {"head": None},
    {"balancer": None},
    {"optimizer": "adam"},
    {"scheduler": "plateau"},
)


def config_dir() -> str:
    """Absolute path of the config folder: inside an installed wheel, else at the top of the clone."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "configs"
    return str(inside if inside.is_dir() else here.parent / "configs")


def register_models() -> None:
    """Make a model of every backbone, and its open nodes.

    `model=cnn` is `model/parts/image_module` with `model/backbone=cnn`, so a family of networks is one file.
    `model.loss_weights.<head>=` needs no plus: which heads there are is known to the data alone, so no config can list
    them; names are checked against the data.
    """
    store = ConfigStore.instance()
    node = {name: DictConfig({}, flags={"struct": False}) for name in ("loss_weights", "criteria")}
    # replace: `python -m trainer_pkg.train` imports that module twice, once as the main one
    store.store(group="model/parts", name="open_nodes", node=OmegaConf.create(node), replace=True)
    for path in Path(config_dir(), "model", "backbone").glob("*.yaml"):
        defaults = ["parts/image_module@_here_", {"backbone": path.stem}, *_MODEL_DEFAULTS]
        store.store(group="model", name=path.stem, node=OmegaConf.create({"defaults": defaults}), replace=True)


def one_line_errors(main: Callable[[], Any]) -> Callable[[], Any]:
    """Wrap a console script: configuration errors give one line and exit 2, Ctrl-C 130, others stay as they are."""

    @functools.wraps(main)
    def wrapped() -> Any:
        wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
        # With it Hydra raises instead of printing several lines and exiting with 1.
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            return main()
        except (CompactHydraException, InstantiationException, OmegaConfBaseException) as error:
            if wants_traceback or _is_bug(error):
                raise
            print(f"Error: {answer(sys.argv[1:]) or one_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None

    return wrapped


def one_line(error: BaseException) -> str:
    """The rule, the value found and the nearest valid ones, without line breaks."""
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    ours = next((link for link in _chain(error) if isinstance(link, ConfigError)), None)
    if ours is not None:
        return re.sub(r"\s+", " ", str(ours))
    text = _first_sentences(str(error))
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text = f"{text} {_unknown_key(cause)}".strip()
    elif isinstance(error, OmegaConfBaseException):
        text = _unknown_key(error)
    elif isinstance(error, InstantiationException) and cause is not None:
        text = f"{text} ({_first_sentences(str(cause))})"
    return re.sub(r"\s+", " ", text)


def _is_bug(error: BaseException) -> bool:
    """Whether an instantiation failed from within the constructor rather than from its arguments."""
    cause = error.__cause__
    return isinstance(error, InstantiationException) and not isinstance(
        cause, TypeError | ImportError | AttributeError | ValueError | CompactHydraException | type(None)
    )


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


def _unknown_key(error: OmegaConfBaseException) -> str:
    parent = getattr(error, "parent_node", None)
    key = str(getattr(error, "key", "") or "")
    full_key = str(getattr(error, "full_key", "") or key)
    if "not in struct" in str(error) and OmegaConf.is_dict(parent):
        folder = Path(config_dir(), *full_key.split("."))
        if folder.is_dir():
            options = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
            return f"It is a group: write {full_key.replace('.', '/')}=OPTION. Options: {options}."
        known = sorted(str(name) for name in parent or ())
        return f"Key {full_key!r} does not exist. Known here: {did_you_mean(key, known)}"
    first = _first_sentences(getattr(error, "msg", None) or str(error))
    return first if full_key in first else f"{full_key}: {first}"


def _first_sentences(text: str) -> str:
    """What Hydra says before it starts to advise and to list its own details."""
    kept = []
    for line in text.strip().splitlines():
        if re.match(
            r"\s*(To append to your config|Set the environment|full_key:|object_type|Available options|See https)", line
        ):
            break
        kept.append(line.strip())
    return " ".join(kept)
