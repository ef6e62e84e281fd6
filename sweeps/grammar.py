"""What is wrong with a command line that Hydra cannot read, in words that help."""

import re
import traceback
from collections.abc import Iterable

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException

from sweeps.errors import StudyError, did_you_mean
from sweeps.spelling import spelled_here

IN_SWEEPER = "hydra.sweeper."
"""Where any application takes `study` and `tracking`, also one whose configuration is a dataclass without them."""


def explained(error: Exception) -> Exception:
    """The error that Hydra has raised, or one that says what to type instead."""
    if told := spelled_here(error):
        return StudyError(told)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, option = error.missing_cfg_file.rpartition("/")
        return StudyError(f"{group}={option} does not exist. Known: {did_you_mean(option, sorted(error.options))}")
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        group = _group_in(error)
        return StudyError(f"{group}=null: a group takes an option; ~{group} leaves it out.")
    return StudyError(str(error)) if type(error) is HydraException else error


def of_some_options(key: str, arguments: Iterable[str]) -> str:
    """What to type for a key that may exist with some options only of a group that the line sweeps; else empty.

    Args:
        key: A key that does not exist.
        arguments: The command line.
    """
    parts = key.split(".")
    around = {"/".join(parts[:length]) for length in range(1, len(parts))}
    for argument in arguments:
        group, _, options = argument.lstrip("+").partition("=")
        if group in around and re.fullmatch(r"[\w/.-]+(,[\w/.-]+)+", options):
            rule = f"'study.when={{{key}: {{{group}: [NAME]}}}}'"
            return f" If only some of {argument} have it, say which, as in {rule}."
    return ""


def _group_in(error: Exception) -> str:
    """The group that Hydra was looking at, which its message does not name."""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    override = next((names["override"] for names in reversed(frames) if "override" in names), None)
    return str(getattr(override, "key_or_group", "GROUP"))


def _unreadable(error: OverrideParseException) -> StudyError:
    """What cannot be read and why; with the quoted form, where that can be read."""
    key, separator, value = error.override.partition("=")
    lines = [line for line in str(error).splitlines()[1:] if not line.startswith(("See http", "Error parsing"))]
    told = f"{error.override} cannot be read: {' '.join(lines)}"
    if not separator or any(mark in value for mark in "'\"[]{}()"):
        return StudyError(told)
    quoted = f"{key}={','.join(map(_quoted, value.split(',')))}"
    return StudyError(f"{told}. Quote such text: '{quoted}'" if _is_readable(quoted) else told)


def _quoted(text: str) -> str:
    """As a quoted text of Hydra's grammar, unless it can be read as it is."""
    return text if _is_readable(f"key={text}") else f'"{text}"'


def _is_readable(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True
