"""What is secret is known by its value, its key or its place; what is not stays as it is."""

import io
import logging
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from sweeps import guards, redact
from sweeps.errors import StudyError
from sweeps.plan import without_secrets
from sweeps.secret_names import is_secret, is_secret_variable
from sweeps.space import Axis, Space
from sweeps.worker.written import environment_as_written

SECRET_KEYS = (
    "password", "db.password", "api_key", "apiKey", "+hf_token", "token", "auth.client_secret", "aws_secret_access_key",
    "passphrase", "slack_webhook", "model/net@x.api_key", "credentials", "db_pwd",
)  # fmt: skip
PLAIN_KEYS = (
    "num_tokens", "pad_token", "cls_token", "sort_key", "key", "monitor", "tokenizer", "token_dim", "max_token",
    "password_file", "author", "lr", "seed", "keys", "token_path",
)  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_says_that_its_value_is_secret(key: str) -> None:
    assert is_secret(key)
    assert redact.override(f"{key}=some value") == f"{key}=***"


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_other_keys_keep_their_values(key: str) -> None:
    assert not is_secret(key)
    assert redact.override(f"{key}=some value") == f"{key}=some value"


def test_names_of_variables_say_so_too() -> None:
    assert all(
        map(is_secret_variable, ("WANDB_API_KEY", "GITHUB_TOKEN", "PGPASSWORD", "DB_PWD", "MY_KEY", "SENTRY_DSN"))
    )
    assert not any(map(is_secret_variable, ("PWD", "HOME", "SSH_AUTH_SOCK", "KEYBOARD", "PASSWORD_FILE", "MONKEY")))


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("postgresql://ann:pw@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann:p/w@host/db", "postgresql://ann:***@host/db"),
        ("at 'http://ann:p@ss@host:5/x?y=1'.", "at 'http://ann:***@host:5/x?y=1'."),
        ("https://ghp_abc@github.com/x", "https://***@github.com/x"),
        ("postgresql://host/db?user=u&password=pw&x=1", "postgresql://host/db?user=u&password=***&x=1"),
        ("postgresql://u:${oc.env:PW}@h/d", "postgresql://u:${oc.env:PW}@h/d"),
        ("http://127.0.0.1:5000/#/x?searchFilter=tags.a%20b@c", "http://127.0.0.1:5000/#/x?searchFilter=tags.a%20b@c"),
        ("sqlite:///logs/a@b.db", "sqlite:///logs/a@b.db"),
        ("login failed: password=hunter2, user=ann", "login failed: password=***, user=ann"),
        ('{"api_key": "a b", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer abcdefgh123", "Authorization: *** ***"),
        ("unexpected token: x in [/data/a]", "unexpected token: x in [/data/a]"),
        ("token=5 tokens=a", "token=5 tokens=a"),
        ("++study.storage='postgresql://u:pw@h/d'", "++study.storage='postgresql://u:***@h/d'"),
        ("a\tb ± ü 測 \x1b[1m", "a\tb ± ü 測 \x1b[1m"),
    ],
)
def test_a_place_gives_a_secret_away(found: str, kept: str) -> None:
    assert redact.text(found) == kept
    assert redact.text(kept) == kept


def test_a_value_that_was_seen_is_found_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    redact.learn_variables({"ODD_TOKEN": "p@ss/w%rd 'q\"", "X_KEY": "abcdef", "MANY_KEY": "1000", "PATH_KEY": "/tmp"})
    for spelling in ("p@ss/w%rd 'q\"", "p%40ss%2Fw%25rd%20%27q%22", "p@ss/w%rd 'q\\\""):
        assert redact.text(f"<{spelling}>") == "<***>"
    assert redact.text("abcdef abcdefg 1000 /tmp") == "*** abcdefg 1000 /tmp"
    monkeypatch.setenv("NOTE", "a note that is read")
    monkeypatch.setenv("HOME", "/home/somebody")
    redact.learn_config({"a": ["${oc.env:NOTE}", "${oc.env:HOME}"], "api_key": "literal-key-1", "n": {"token": 5}})
    assert redact.text("a note that is read in /home/somebody by literal-key-1, 5") == "*** in /home/somebody by ***, 5"


def test_containers_are_cleaned_by_key_and_value_and_numbers_stay() -> None:
    tree = {"password": 1234, "api_key": ["a", "b"], "token": "${oc.env:T}", "val/token": 0.5, "n": [1, None, True]}
    assert redact.tree(tree) == {**tree, "password": "***", "api_key": ["***", "***"]}
    assert redact.address("http://ann:pw@host:5000/x") == "http://host:5000/x"


def test_nothing_secret_passes_terminal_and_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "argv", ["app", "-m", "+api_key=typed-key-1"])
    monkeypatch.setattr(logging.Handler, "format", logging.Handler.format)
    guards.guard_terminal()
    guards.guard_terminal()
    print("with typed-key-1 and [/brackets]")
    assert out.getvalue() == "with *** and [/brackets]\n" and not sys.stdout.isatty()
    guards.guard_logs()
    handler = logging.StreamHandler(out)
    try:
        raise ValueError("typed-key-1")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s", ("password=a",), sys.exc_info())
    handler.emit(record)
    assert (
        "typed-key-1" not in out.getvalue() and "ValueError: ***" in out.getvalue() and "password=***" in out.getvalue()
    )


def test_a_file_that_others_wrote_is_scrubbed(tmp_path: Path) -> None:
    redact.learn_variables({"SCRUB_TOKEN": "scrubbed-value"})
    path = tmp_path / "trial.log"
    path.write_bytes(b"a\xff\x00scrubbed-value\nlonger text behind\n")
    redact.scrub(path)
    assert path.read_bytes() == b"a\xff\x00***\nlonger text behind\n"


def test_a_point_holds_no_secret_and_its_trial_gets_it() -> None:
    space = Space(fixed={"+api_key": "real-key-12", "lr": "0.1", "url": "'http://u:pw@h'"}, operational=(), axes=())
    public = without_secrets(space)
    assert public.fixed == {"+api_key": "***", "lr": "0.1", "url": "'http://u:***@h'"}
    (point,) = public.grid()
    assert [public.as_typed(text) for text in point.as_arguments()] == [
        "+api_key=real-key-12", "lr=0.1", "url='http://u:pw@h'",
    ]  # fmt: skip
    with pytest.raises(StudyError, match=r"hf_token cannot be swept.*oc\.env"):
        without_secrets(Space(fixed={}, operational=(), axes=(Axis(key="hf_token", values=("a", "b"), text="x"),)))


def test_the_environment_stays_as_written_and_all_else_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "value of a")
    cfg = OmegaConf.create({"x": "${y}/b", "y": "${oc.env:A,'d, e'}", "z": "${n}", "n": 3})
    with environment_as_written():
        written = OmegaConf.to_container(cfg, resolve=True)
    assert written == {"x": '${oc.env:"A","d, e"}/b', "y": '${oc.env:"A","d, e"}', "z": 3, "n": 3}
    assert OmegaConf.create(written).x == "value of a/b" == cfg.x
