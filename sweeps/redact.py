"""Knows what is secret, and takes it out of whatever leaves the process: files, databases, servers, the terminal.

A secret is known by its value where it has been seen: in an environment variable whose name says so, in one that a
configuration reads, in the address of a server, under a key such as `api_key`. Where its value is not known, its place
gives it away: behind `password=`, or between `user:` and `@host`.
"""

import functools
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sweeps.secret_names import HIDDEN, holds_secret, is_always_secret, is_number, is_read_elsewhere, is_secret_variable

_HARMLESS = re.compile(
    r"(HOME|USER|LOGNAME|PWD|OLDPWD|PATH|TE?MP|TMPDIR|HOST|HOSTNAME|SHELL|TERM|TZ|LANG|PYTHONPATH|VIRTUAL_ENV)$"
    r"|(SLURM|PBS|OMP|LC|XDG|CUDA|CONDA|SWEEPS)_|MLFLOW_(TRACKING_URI|EXPERIMENT_NAME)$"
)
_MIN_NAMED, _MIN_READ = 6, 8
"""Shorter values are words of their own, and would be found in any text."""

_MAX_SCRUBBED = 2**26
"""Bytes; a longer file would keep a worker from its trials."""

_READ = re.compile(r"\$\\?\{\s*oc\.env\s*\\?:\s*([A-Za-z_]\w*)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^\s'\"<>]+)")
_QUERY = re.compile(r"([?&;]([\w.\-]+)=)([^&\s#;]+)")
_HINT = re.compile(r"passw|passphrase|secret|credential|token|key|auth|webhook|pwd|dsn|bearer", re.IGNORECASE)
_PAIR = re.compile(r"""(?<![\w$])([\w.+~/@\-]*[A-Za-z])(["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|[^\s"',;&)}\]]+)""")
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=\-]{8,}", re.IGNORECASE)


def text(found: str) -> str:
    """The text with every secret in it replaced by `***`."""
    return _cleaned(found, _Known.version) if found else found


def tree(value: Any, key: str = "") -> Any:
    """Plain containers with every secret in them replaced: by the key it stands under, or by its value."""
    if isinstance(value, Mapping):
        return {text(name) if isinstance(name, str) else name: tree(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [tree(item, key) for item in value]
    if key and holds_secret(key, value):
        return HIDDEN
    return text(value) if isinstance(value, str) else value


def override(argument: str) -> str:
    """An override as it may be kept, `key=***` where its value is secret."""
    key, equals, value = argument.partition("=")
    if equals and holds_secret(key, value):
        return f"{key}={HIDDEN}"
    return text(_PAIR.sub(_without_any_value, argument) if "{" in value else argument)


def address(url: str) -> str:
    """The address of a server without user and password, for people to open."""
    return re.sub(r"^(https?://)[^/?#]*@", r"\1", url)


def without_credentials(url: str) -> str:
    """The address of a repository without user, password and query, whatever its scheme; of `git@host:x` all stays."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.\-]*://)[^/?#]*@", r"\1", url).partition("?")[0]


def known_values() -> str:
    """What finds every value known so far, as the text of a regular expression; empty where none is."""
    _learn_environment()
    pattern = _pattern(_Known.version)
    return pattern.pattern if pattern is not None else ""


def scrub(path: Path, values: str | None = None) -> None:
    """Replace secrets in a file that others have written, such as a program that a trial has started.

    Args:
        path: The file; one that is not there, or is longer than 64 MiB, is left alone.
        values: What finds them; None takes the values that this process knows.
    """
    values = known_values() if values is None else values
    if not values or not path.is_file() or path.stat().st_size > _MAX_SCRUBBED:
        return
    with path.open("rb+") as file:
        found = file.read()
        cleaned = re.sub(values, HIDDEN, found.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        if cleaned != found:
            file.seek(0)
            file.write(cleaned)
            file.truncate()


def learn_variables(variables: Mapping[str, str]) -> None:
    """Remember the values of environment variables whose names say that they are secret, and passwords in addresses."""
    for name, value in variables.items():
        if is_secret_variable(name) and not (value.startswith("/") and os.path.exists(value)):  # noqa: PTH110
            _learn(value)
        _learn_passwords(value)


def learn_overrides(arguments: Iterable[str]) -> None:
    """Remember what overrides give to keys such as `api_key`, and the passwords in their addresses."""
    for argument in arguments:
        _learn_passwords(argument)
        key, _, value = argument.partition("=")
        _learn_of(key, value.strip("'\""))


def learn_config(plain: Any, key: str = "") -> None:
    """Remember what a configuration reads from the environment, and what stands in it under secret keys.

    Args:
        plain: Plain containers, interpolations as written.
        key: Under which they stand.
    """
    if isinstance(plain, Mapping):
        for name, item in plain.items():
            learn_config(item, str(name))
    elif isinstance(plain, list | tuple):
        for item in plain:
            learn_config(item, key)
    elif isinstance(plain, str):
        _learn_of(key, plain)
        for name in _READ.findall(plain):
            if not _HARMLESS.match(name):
                _learn_read(os.environ.get(name, ""))


class _Known:
    """The values seen so far, in every spelling, and what finds them."""

    values: set[str] = set()  # noqa: RUF012 - one per process
    version = 0
    has_environment = False


@functools.lru_cache(maxsize=4096)
def _cleaned(found: str, version: int) -> str:
    _learn_environment()
    pattern = _pattern(_Known.version)
    if pattern is not None:
        found = pattern.sub(HIDDEN, found)
    if "://" in found:
        found = _URL.sub(_without_password, found)
    if _HINT.search(found):
        found = _PAIR.sub(_without_value, _BEARER.sub(rf"\1\2{HIDDEN}", found))
    return found


@functools.lru_cache(maxsize=1)
def _pattern(version: int) -> re.Pattern[str] | None:
    found = sorted(_Known.values, key=len, reverse=True)
    return re.compile("|".join(map(_exact, found))) if found else None


def _exact(value: str) -> str:
    """Finds a long value anywhere, and a short one where it is a word of its own."""
    escaped = re.escape(value)
    return escaped if len(value) >= _MIN_READ else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def _learn_environment() -> None:
    if not _Known.has_environment:
        _Known.has_environment = True
        learn_variables(os.environ)


def _learn_of(key: str, value: str) -> None:
    if holds_secret(key, value):
        _learn(value)
    _learn_passwords(value)


def _learn_passwords(value: str) -> None:
    for _, rest in _URL.findall(value):
        _, password, _ = _userinfo("", rest)
        _learn(password)
        _learn(unquote(password))


def _learn_read(value: str) -> None:
    """A variable whose name says nothing: places and numbers are told freely, addresses without their passwords."""
    if len(value) >= _MIN_READ and "://" not in value and not value.startswith(("/", "~", "./", "../")):
        _learn(value)


def _learn(value: str) -> None:
    value = value.strip()
    is_count = is_number(value) and len(value) < 10
    if len(value) < _MIN_NAMED or is_count or is_read_elsewhere(value) or value.lower() in ("default", HIDDEN):
        return
    lines = [line for line in value.splitlines() if len(line) >= 16] if "\n" in value else []
    for known in (value, *lines):
        spellings = {known, quote(known, safe=""), quote(known), json.dumps(known)[1:-1], repr(known)[1:-1]}
        if not spellings <= _Known.values:
            _Known.values |= spellings
            _Known.version += 1


def _without_password(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    user, password, host = _userinfo(scheme, rest)
    if password and not password.startswith("${"):
        rest = f"{user}:{HIDDEN}@{host}"
    elif user and not password and scheme.lower() in ("http", "https"):
        rest = f"{HIDDEN}@{host}"  # a user without a password is a token
    return f"{scheme}://{_QUERY.sub(_without_parameter, rest)}"


def _userinfo(scheme: str, rest: str) -> tuple[str, str, str]:
    """User, password and what follows of an address; a password may hold `/` where no web server is addressed."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and scheme.lower() in ("http", "https"):
        return "", "", rest
    userinfo, _, host = (authority if "@" in authority else rest).rpartition("@")
    host += rest[len(authority) :] if "@" in authority else ""
    user, _, password = userinfo.partition(":")
    return user, password, host


def _without_parameter(match: re.Match[str]) -> str:
    start, key, value = match.groups()
    return f"{start}{HIDDEN}" if holds_secret(key, value) else match.group()


def _without_value(match: re.Match[str]) -> str:
    """In prose a colon behind a word says little: `unexpected token: x`."""
    is_prose = ":" in match[2] and not is_always_secret(match[1])
    if is_prose or not holds_secret(match[1], match[3].strip("'\"")):
        return f"{match[1]}{match[2]}{_PAIR.sub(_without_value, match[3])}"  # `failed: password=x`
    return _without_any_value(match)


def _without_any_value(match: re.Match[str]) -> str:
    key, between, value = match.groups()
    quoted = value[0] if value[0] in "'\"" else ""
    return f"{key}{between}{quoted}{HIDDEN}{quoted}" if holds_secret(key, value.strip("'\"")) else match.group()
