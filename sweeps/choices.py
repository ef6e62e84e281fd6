"""The samplers and pruners that have a name here: `study.pruner=asha` and `study/pruner=asha` are one."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from sweeps.errors import StudyError

SAMPLERS: Mapping[str, Mapping[str, Any]] = {
    "auto": {"_target_": "auto"},
    "grid": {"_target_": "grid"},
    "random": {"_target_": "optuna.samplers.RandomSampler"},
    "tpe": {"_target_": "optuna.samplers.TPESampler"},
    "gp": {"_target_": "optuna.samplers.GPSampler"},
    "cmaes": {"_target_": "optuna.samplers.CmaEsSampler"},
    "nsgaii": {"_target_": "optuna.samplers.NSGAIISampler"},
    "nsgaiii": {"_target_": "optuna.samplers.NSGAIIISampler"},
    "qmc": {"_target_": "optuna.samplers.QMCSampler"},
    "brute": {"_target_": "optuna.samplers.BruteForceSampler"},
}
"""Name to what is built; an option that is not set has the value that Optuna gives it."""

PRUNERS: Mapping[str, Mapping[str, Any]] = {
    "asha": {"_target_": "optuna.pruners.SuccessiveHalvingPruner"},
    "hyperband": {"_target_": "optuna.pruners.HyperbandPruner"},
    "median": {"_target_": "optuna.pruners.MedianPruner"},
    # Optuna has no value for these.
    "percentile": {"_target_": "optuna.pruners.PercentilePruner", "percentile": 25.0},
    "patient": {"_target_": "optuna.pruners.PatientPruner", "wrapped_pruner": None, "patience": 3},
    "threshold": {"_target_": "optuna.pruners.ThresholdPruner"},
    "wilcoxon": {"_target_": "optuna.pruners.WilcoxonPruner"},
    "moasha": {"_target_": "sweeps.study.moasha.MoAsha"},
}
"""The same for pruners."""

NAMED = {"sampler": SAMPLERS, "pruner": PRUNERS}

WITHOUT_CLASS = ("auto", "grid")
"""Samplers that this package is itself."""

_SAMPLER_IN = ("independent_sampler", "base_sampler")
_PRUNER_IN = ("wrapped_pruner",)
_ALIASES = {
    "successivehalving": "asha", "sha": "asha", "cma": "cmaes", "cmaessampler": "cmaes", "bruteforce": "brute",
    "gridsearch": "grid", "randomsearch": "random", "bayesian": "tpe", "nsga2": "nsgaii", "nsga3": "nsgaiii",
    "sobol": "qmc",
}  # fmt: skip
"""What others call them."""


def resolved(kind: str, asked: Any) -> Any:
    """What a setting asks for, with names replaced by what they stand for.

    Args:
        kind: `sampler` or `pruner`.
        asked: A name; or `_target_`, which may be a name, and arguments; or None.

    Returns:
        `auto` or `grid`; or `_target_` and arguments; or None.

    Raises:
        StudyError: There is no such name, or one that takes no option has one.
    """
    if asked is None or asked == {}:
        return None
    if not isinstance(asked, dict):
        return _named(kind, str(asked), {})
    if "_target_" not in asked:
        raise StudyError(option_alone("study.", kind, str(next(iter(asked)))))
    given = {key: _nested(key, value) for key, value in asked.items()}
    target = str(given.pop("_target_"))
    if kind == "sampler" and target == "optuna.samplers.GridSampler":
        return "grid"
    return _named(kind, target, given) if "." not in target else {"_target_": target, **given}


def option_alone(place: str, kind: str, option: str) -> str:
    """What to type as well, where there is an option of a sampler or pruner that nobody has chosen."""
    chosen = f"{place.replace('.', '/')}{kind}=NAME"
    return f"{place}{kind}.{option} is an option of a {kind}, and no {kind} is chosen. Type {chosen} as well."


def _nested(key: str, value: Any) -> Any:
    kind = "sampler" if key in _SAMPLER_IN else "pruner" if key in _PRUNER_IN else None
    return value if kind is None else resolved(kind, value)


def _named(kind: str, name: str, given: Mapping[str, Any]) -> Any:
    known = NAMED[kind]
    if name not in known:
        raise StudyError(f"study.{kind}={name} is unknown. Known: {', '.join(known)}.{_hint(kind, name)}")
    if name not in WITHOUT_CLASS:
        return {**known[name], **given}
    if left := [key for key in given if not key.startswith("_") and key != "seed"]:
        raise StudyError(f"study.{kind}.{left[0]}: {name} has no options.")
    return name


def _hint(kind: str, name: str) -> str:
    plain = name.lower().replace("_", "").replace("-", "")
    plain = _ALIASES.get(plain, plain.removesuffix(kind))
    near = get_close_matches(_ALIASES.get(plain, plain), NAMED[kind], n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" Any other: study.{kind}={{_target_: optuna.{kind}s.NAME}}."
