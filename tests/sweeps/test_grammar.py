from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException

from sweeps.errors import StudyError
from sweeps.grammar import explained, of_some_options


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("ckpt_path=logs/epoch=1.ckpt", "'ckpt_path=\"logs/epoch=1.ckpt\"'"),
        ("+ckpt_path=a=1.ckpt,plain", "'+ckpt_path=\"a=1.ckpt\",plain'"),
        ("x=a&b", "'x=\"a&b\"'"),
        ("x=~/a.ckpt", "'x=\"~/a.ckpt\"'"),
        ("x=[a=1]", None),
        ("x=choice(a=1,b)", None),
        ("x", None),
    ],
)
def test_what_cannot_be_read_is_shown_quoted(typed: str, quoted: str | None) -> None:
    with pytest.raises(OverrideParseException) as caught:
        OverridesParser.create().parse_overrides([typed])
    told = str(explained(caught.value))
    assert told.startswith(f"{typed} cannot be read: ") and "index" not in told and "\n" not in told
    assert told.partition(" Quote such text: ")[2] == (quoted or "")
    if quoted:
        OverridesParser.create().parse_overrides([quoted.strip("'")])


def test_hydras_bare_errors_are_one_line_and_a_bug_stays_one() -> None:
    assert isinstance(explained(HydraException("token")), StudyError)
    bug = ValueError("a bug")
    assert explained(bug) is bug


@pytest.mark.parametrize("override", ["db=null", "+db=null"])
def test_a_group_without_an_option_is_named(override: str, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    for name in ("app", "db/one"):
        (tmp_path / f"{name}.yaml").write_text("x: 1\n")
    with initialize_config_dir(str(tmp_path)), pytest.raises(ValueError) as caught:
        compose("app", overrides=["x=null", override])
    assert str(explained(caught.value)) == "db=null: a group takes an option; ~db leaves it out."


@pytest.mark.parametrize(
    ("key", "line", "told"),
    [
        (
            "net.depth",
            ["x=1", "net=small,deep"],
            "only some of net=small,deep have it, say which, as in 'study.when={n",
        ),
        (
            "model.net.depth",
            ["+model/net=a,b"],
            "If only some of +model/net=a,b have it, say which, as in 'study",
        ),
        ("net.depth", ["net=small", "other=a,b", "net.depth=1,2"], ""),
        ("depth", ["depth=1,2"], ""),
        ("net.depth", ["net=choice(small)"], ""),
    ],
)
def test_a_key_of_some_options_is_answered_with_the_rule_that_says_so(key: str, line: list[str], told: str) -> None:
    found = of_some_options(key, line)
    assert (told in found) if told else found == ""
