"""Which names say that a value is secret: of keys in a configuration, and of environment variables."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
"""Stands where a secret was."""

_ALWAYS = re.compile(r"passw|passphrase|secret|credential|apikey|accesskey|privatekey|authoriz|webhook")
_LAST_WORDS = {"token", "pwd", "auth", "dsn"}
_SYMBOLS = "pad cls class eos bos unk mask sep start end pool stop special dist patch num max per"
"""Before `token` they make a symbol of a vocabulary."""
_IN_ENVIRONMENT = {"key", "pass", "pwd", "auth", "dsn", "hook", "token", "creds", "cookie"}
_PLACES = ("_FILE", "_PATH", "_DIR", "_SOCK")
_NUMBER = re.compile(r"[-+]?[\d._]+(e[-+]?\d+)?$", re.IGNORECASE)


def is_secret(key: str) -> bool:
    """Whether the name of a key says that its value is secret: `api_key` is, `sort_key` and `pad_token` are not."""
    words = _words(re.split(r"[./]", key.lstrip("+~"))[-1].partition("@")[0])
    if not words or words[-1] in ("file", "path", "dir"):
        return False
    if _ALWAYS.search("".join(words)):
        return True
    return words[-1] in _LAST_WORDS and not set(_SYMBOLS.split()) & set(words[:-1])


def is_always_secret(key: str) -> bool:
    """Whether its value is secret whatever it looks like; of `token`, numbers are not."""
    return bool(_ALWAYS.search("".join(_words(key))))


def holds_secret(key: str, value: Any) -> bool:
    """Whether a key holds a secret: no number of tokens, no switch, nothing that is read from elsewhere."""
    if value is not None and re.split(r"[./]", key)[-1] == "notify" and "://" in str(value):
        return not is_read_elsewhere(str(value))  # who has the address can write there
    if not is_secret(key) or value is None or isinstance(value, bool) or not (shown := str(value).strip()):
        return False
    is_plain = not isinstance(value, float | Mapping | list | tuple) and not is_read_elsewhere(shown)
    if not is_plain or shown in ("null", "true", "false", "???", HIDDEN):
        return False
    return is_always_secret(key) or not is_number(shown)


def is_read_elsewhere(value: str) -> bool:
    """Whether a value names the place of another one; Hydra keeps the brace of an override behind a backslash."""
    return "${" in value or r"$\{" in value


def is_secret_variable(name: str) -> bool:
    """Whether the name of an environment variable says so; the place of a file is none."""
    if name == "SWEEPS_NOTIFY":
        return True
    if name in ("PWD", "OLDPWD") or name.endswith(_PLACES):
        return False
    words = _words(name)
    return bool(_ALWAYS.search("".join(words)) or _IN_ENVIRONMENT & set(words))


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    return bool(_NUMBER.match(text))


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^a-z0-9]+", split.lower()) if word]
