"""What is looked at before there is a study."""

import pytest

from sweeps.corners import telling_points
from sweeps.space import Axis, Space


def looked_at(*axes: tuple[str, str], is_whole: bool = True) -> list[tuple[str, ...]]:
    made = tuple(Axis(key=key, values=tuple(values.split(",")), text=f"{key}={values}") for key, values in axes)
    space = Space(fixed={"a": "1"}, operational=(), axes=made)
    points = telling_points(space, is_whole=is_whole, seed_key="seed")
    assert all(point.overrides["a"] == "1" for point in points)
    return [tuple(point.overrides[key] for key, _ in axes) for point in points]


def test_a_grid_is_looked_at_in_its_corners_too() -> None:
    found = looked_at(("x", "1,0,0.5"), ("model", "cnn,vit"), ("y", "1,-2"))
    values = [("1", "cnn", "1"), ("0", "cnn", "1"), ("0.5", "cnn", "1"), ("1", "vit", "1"), ("1", "cnn", "-2")]
    assert found == [*values, ("0", "cnn", "-2")]  # the largest are the first point


@pytest.mark.parametrize(
    ("axes", "num"),
    [
        ([("x", "1,2,3")], 3),
        ([("x", "1,2,3"), ("seed", "0,1,2")], 5),
        ([("x", "1,2"), ("y", "a,b")], 3),
        ([("x", "1,2"), ("y", "nan,1")], 3),
    ],
)
def test_one_axis_of_numbers_and_a_seed_have_no_corners(axes: list[tuple[str, str]], num: int) -> None:
    assert len(looked_at(*axes)) == num


def test_points_that_no_trial_has_are_not_looked_at() -> None:
    assert ("0", "0") not in looked_at(("x", "1,0"), ("y", "1,0"), is_whole=False)
    assert ("0", "0") in looked_at(("x", "1,0"), ("y", "1,0"))
