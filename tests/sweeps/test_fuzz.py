"""Command lines that nobody would type: each is a space of points or one clear refusal."""

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweeps.checked import study_settings
from sweeps.corners import samples
from sweeps.errors import StudyError
from sweeps.parsing import parse
from tests.fuzz import drawn_anew

KEYS = st.one_of(st.sampled_from(["x", "+x", "~x", "model", "a.b", "a/b", "study.name", "hydra.run.dir", "seed", ""]))
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1,2", "choice()", "choice(1,1)", "range(3)", "range(1,0)", "interval(0,1)", "interval(2,1)"]),
    st.sampled_from(["[1,2],[3]", "{a:1}", "null", "1e999", "nan", "-inf", "'x", "''", "glob(*)", "${y}", "1,,2", ","]),
    st.sampled_from(["${oc.env:HOME}", "tag(log,interval(1,2))", "shuffle(1,2)"]),
    st.integers().map(str),
    st.floats().map(str),
)
ARGUMENTS = st.lists(st.one_of(st.text(max_size=12), st.builds("{}={}".format, KEYS, VALUES)), max_size=4)
TEXT = st.text(st.characters(exclude_characters="$", exclude_categories=["Cs"]), max_size=8)  # no interpolation
SETTINGS = st.dictionaries(
    st.one_of(TEXT, st.sampled_from(["slots", "n_trials", "sampler", "direction", "name", "lease_s"])),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.lists(st.integers())),
    max_size=3,
)


class NoGroups(ConfigLoader):
    """Knows no config group, so that `glob` expands to nothing."""

    def get_group_options(self, group_name: str, *args: object, **kwargs: object) -> list[str]:
        return []


NoGroups.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


@drawn_anew(2000)
@given(ARGUMENTS)
def test_any_command_line_is_a_space_or_one_refusal(arguments: list[str]) -> None:
    try:
        space = parse(arguments, {}, NoGroups())
    except (StudyError, HydraException) as error:
        assert str(error).strip()
        return
    keys = [point.key for point in samples(space)]
    assert keys and len(set(keys)) == len(keys)


@drawn_anew(1000)
@given(SETTINGS)
def test_any_study_group_is_settings_or_one_line(given_settings: dict[str, object]) -> None:
    config = OmegaConf.create({"study": {}})
    OmegaConf.update(config, "study", given_settings, force_add=True)
    try:
        found = study_settings(config)
    except StudyError as error:
        assert "study." in str(error) and "\n" not in str(error)
        return
    assert found.slots == "auto" or found.slots >= 1


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
def test_a_lease_is_a_positive_finite_number(value: str) -> None:
    with pytest.raises(StudyError, match=r"study\.lease_s"):
        study_settings(OmegaConf.create({"study": {"lease_s": float(value)}}))
