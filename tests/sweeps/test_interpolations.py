"""A text is parsed once, and evaluated each time."""

import pytest
from omegaconf import OmegaConf, base
from omegaconf.errors import GrammarParseError

from sweeps.worker.interpolations import _parse, parse_all, parse_once


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "parse", base.parse)
    _parse.cache_clear()
    parse_once()


def test_a_value_is_that_of_its_own_configuration_and_of_now() -> None:
    text = "${x}-${oc.select:deep.${name}}"
    one, two = (OmegaConf.create({"x": x, "name": "y", "deep": {"y": x + 1}, "all": text}) for x in (1, 5))
    assert (one.all, two.all) == ("1-2", "5-6")
    two.x, two.deep.y = 7, 8
    assert two.all == "7-8"
    assert _parse.cache_info().misses == 1


def test_what_was_parsed_beforehand_is_parsed_no_more() -> None:
    parse_all({"a": ["plain", {"b": "${x}"}], "c": ("${y}",), "broken": "${x:"})
    assert OmegaConf.create({"x": 1, "y": 2, "b": "${x}", "c": "${y}"}) == {"x": 1, "y": 2, "b": 1, "c": 2}
    assert _parse.cache_info().misses == 3  # with the broken one
    with pytest.raises(GrammarParseError):
        OmegaConf.create({"a": "${x:"})
