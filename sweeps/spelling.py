"""What Hydra's other sweepers and launchers call what a study does, and how that is spelled here."""

import re
from collections.abc import Mapping
from typing import Any

import hydra
from omegaconf.errors import OmegaConfBaseException

from sweeps.choices import option_alone
from sweeps.errors import did_you_mean

SWEEPER_KEYS = {
    "search_space": "hydra.sweeper.params in a configuration file, or KEY=choice(...) on the command line",
    "custom_search_space": "study.when for keys that only some points need, and study.constraints for conditions, also"
    " as a function",
    "max_failure_rate": "study.max_failures, a number of trials",
    "max_batch_size": "study.slots; a free slot never waits for a batch",
}
"""Keys of the sweepers that come with Hydra, under `hydra.sweeper`, that are spelled in another way here."""

TAKEN_KEYS = {
    "study_name": "name",
    "direction": "direction",
    "n_trials": "n_trials",
    "n_jobs": "slots",
    "storage": "storage",
    "sampler": "sampler",
    "pruner": "pruner",
}
"""Keys of Hydra's Optuna sweeper that work here, to the setting that each is."""

PACKAGES = {
    "joblib": "hydra-joblib-launcher",
    "ray": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
}
"""Launchers of Hydra's, to the package that has each."""

OUR_LAUNCHERS = ("ray_workers",)
"""Options of `hydra/launcher` that this package brings."""

_SWEEPER_KEY = re.compile(r"hydra[./]sweeper[./](?!params\b)(\w+)")
_NO_PLACE = re.compile(r"Could not override 'study/(pruner|sampler)'\. No match in the defaults list")
_NO_OPTION = re.compile(r"Could not override '(study\.|hydra\.sweeper\.)(pruner|sampler)\.(\w+)'")
_MISSING_LAUNCHER = re.compile(r"hydra/launcher/(\w+)")
_SWEPT = re.compile(r"Sweeping over Hydra's configuration is not supported\s*:\s*'\+*hydra\.sweeper\.params\.(.+)'")


def spelled_here(error: BaseException) -> str | None:
    """A line about a name of another sweeper or launcher that an error of Hydra's is about; None where it is not.

    Args:
        error: With its causes.
    """
    told = " ".join(_texts(error))
    if swept := _SWEPT.search(told):
        return f"hydra.sweeper.params.{swept[1]}: on the command line a sweep needs no more than its key: '{swept[1]}'."
    if (key := _SWEEPER_KEY.search(told)) and key[1] in SWEEPER_KEYS:
        return sweeper_key(key[1])
    if group := _NO_PLACE.search(told):
        typed = f"hydra/sweeper/{group[1]}=NAME hydra.sweeper.{group[1]}.KEY=VALUE"
        return f"The defaults list here has no study/{group[1]}. Any configuration takes {typed}, without a plus."
    if option := _NO_OPTION.search(told):
        return option_alone(*option.groups())
    if launcher := _MISSING_LAUNCHER.search(told):
        return no_launcher(launcher[1])
    return None


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a study that keys of Hydra's Optuna sweeper stand for.

    Args:
        given: Key under `hydra.sweeper` to value; what is None was not given.
    """
    found = {ours: given[theirs] for theirs, ours in TAKEN_KEYS.items() if given.get(theirs) is not None}
    if found.get("slots") == -1:
        found["slots"] = "auto"
    if "n_trials" in found:
        found.setdefault("sampler", "tpe")  # as there: only who asks for a grid gets one
    return found


def sweeper_key(key: str) -> str:
    """What `hydra.sweeper.KEY` is called here."""
    if key not in SWEEPER_KEYS:
        return f"hydra.sweeper.{key} does not exist. Known here: params."
    return f"hydra.sweeper.{key} is a key of another sweeper. Here it is {SWEEPER_KEYS[key]}."


def no_launcher(choice: str) -> str:
    """What to install, or to do instead, where Hydra has no launcher of that name."""
    if package := PACKAGES.get(choice):
        pre = " --pre" if "rc" in hydra.__version__ or "dev" in hydra.__version__ else ""
        return f"hydra/launcher={choice} is not installed: pip install{pre} {package}"
    return (
        f"hydra/launcher={choice} does not exist. Known: {did_you_mean(choice, ('basic', *PACKAGES, *OUR_LAUNCHERS))}"
        " The same line, or `sweeps worker NAME`, on any machine that shares study.storage works on the same study,"
        " without a launcher."
    )


def _texts(error: BaseException) -> list[str]:
    """What an error and its causes say, and the keys that they are about."""
    found: list[str] = []
    link: BaseException | None = error
    while link is not None:
        found.append(str(link))
        if isinstance(link, OmegaConfBaseException):
            found.append(str(getattr(link, "full_key", "") or ""))
        link = link.__cause__ or link.__context__
    return found
