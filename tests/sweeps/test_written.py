"""What a trial's process writes of its configuration is what OmegaConf would write."""

import pytest
from hydra.conf import HydraConf
from omegaconf import OmegaConf

from sweeps.worker.written import _text, _yaml

LONG = "words that are long enough to be folded at a column which depends on where they stand " * 3


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"a": 1, "b": {}, "c": [], "d": None, "e": "???", "f": {"g": {}}},
        {"a": {"b": LONG, "c": {"d": LONG}}, "text": LONG, "lines": "one\n  two\n", "more": {"lines": "one\ntwo"}},
        {"a": {"b": [1, 2.5, {"c": ["x", "y"]}], "c": "${x}", "on": "off", "d": "1e5", "e": 1e-05}, "x": True},
        {"yes": {"a": 1}, "1": {"a": 1}, 2: {"no": 2}, "a: b": {"c": 1}, "ä": {"ö": "ü"}, "": {"": ""}},
        {"k" * 130: {"a": 1}, "a": {"k" * 130: {"b": 1}}},
        ["a", {"b": 1}],
    ],
)
def test_a_file_is_as_omegaconf_writes_it(content: object) -> None:
    config = OmegaConf.create(content)  # type: ignore[call-overload]
    assert _yaml(config) == _yaml(config) == OmegaConf.to_yaml(config)


def test_hydras_own_part_is_too_and_what_trials_share_is_written_once() -> None:
    before = 0
    for number in (1, 2):
        before, whole = _text.cache_info().misses, OmegaConf.create({"x": number, "hydra": HydraConf})
        whole.hydra.job.num = number
        assert _yaml(whole) == OmegaConf.to_yaml(whole)
    assert _text.cache_info().misses - before == 2  # `x`, and `hydra.job`
