"""Reads the overrides of a sweep: what is fixed, what is swept, and what says how the study runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from sweeps.errors import StudyError
from sweeps.space import OPERATIONAL, Axis, Space, is_operational
from sweeps.values import text_of, typed, value_of


def parse(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    loader: ConfigLoader,
    operational_keys: Sequence[str] = OPERATIONAL,
) -> Space:
    """Read the overrides of a sweep.

    Args:
        arguments: Overrides of the command line.
        params: Sweeps from the configuration (`hydra.sweeper.params`); the command line wins over them.
        loader: Expands `glob(...)` over the options of a group.
        operational_keys: First parts of the keys that say how a study runs.

    Raises:
        StudyError: A dimension is empty, or an operational key is swept.
        OverrideParseException: An override is not in Hydra's grammar.
    """
    parser = OverridesParser.create(config_loader=loader)
    typed = parser.parse_overrides(list(arguments))
    keys = {override.get_key_element() for override in typed}
    configured = parser.parse_overrides([f"{key}={value}" for key, value in params.items() if key not in keys])
    fixed: dict[str, str] = {}
    operational: list[str] = []
    axes: dict[str, Axis] = {}
    order: dict[str, None] = {}
    for override in [*configured, *typed]:
        key = override.get_key_element()
        order.pop(key, None)
        order[key] = None
        is_ours = is_operational(key, operational_keys)
        if is_ours and override.is_sweep_override():
            raise StudyError(f"{override.input_line} cannot be swept: {key} says how a study runs, not what.")
        if is_ours:
            operational.append(str(override.input_line))
        elif not override.is_sweep_override():
            axes.pop(key, None)  # what is typed later counts, as everywhere in Hydra
            fixed[key] = override.get_value_element_as_str() if not override.is_delete() else ""
        else:
            fixed.pop(key, None)
            axes[key] = _axis(override)
    return Space(fixed=fixed, operational=tuple(operational), axes=tuple(axes.values()), order=tuple(order))


def _axis(override: Override) -> Axis:
    key, text = override.get_key_element(), str(override.input_line)
    if not override.is_discrete_sweep():
        interval: Any = override.value()
        return Axis(key=key, values=(str(interval.start),), text=text, is_finite=False)
    seen: dict[str, str] = {}
    for value in override.sweep_iterator():
        text_of_value = text_of(key, value)
        seen.setdefault(typed(value_of(key, text_of_value)), text_of_value)
    if not seen:
        raise StudyError(f"{text} sweeps over no value.")
    return Axis(key=key, values=tuple(seen.values()), text=text)
