"""What is looked at before there is a study."""

import pytest

from sweeps.corners import telling_points
from sweeps.space import Axis, Linked, Space


def looked_at(*axes: tuple[str, str], is_whole: bool = True, separator: str = ",") -> list[tuple[str, ...]]:
    made = tuple(Axis(key=key, values=tuple(values.split(separator)), text=f"{key}={values}") for key, values in axes)
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


def seen(*points: dict[str, float | str], axis: str = "") -> list[dict[str, str]]:
    """What is looked at of points that are given, crossed with an axis of numbers where there is one."""
    linked = tuple(Linked(overrides={key: str(value) for key, value in point.items()}) for point in points)
    axes = [Axis(key="y", values=tuple(axis.split(",")), text=f"y={axis}")] if axis else []
    axes.append(Axis(key="p", values=tuple(map(str, range(len(linked)))), text="p", linked=linked))
    space = Space(fixed={}, operational=(), axes=tuple(axes))
    return [point.overrides for point in telling_points(space, is_whole=True, seed_key="seed")]


MANY: list[dict[str, float | str]] = [{"a": 1 + i % 7, "b": 100 - i} for i in range(80)]


@pytest.mark.parametrize(
    "odd",
    [{"a": 0, "b": 0}, {"a": -1, "b": 50}, {"a": 3, "b": "nan"}, {"a": 2.5, "b": 50}, {"a": 3, "b": 50, "c": 1}],
    ids=str,
)
def test_of_very_many_points_the_odd_one_is_looked_at(odd: dict[str, float | str]) -> None:
    found = seen(*MANY[:41], odd, *MANY[41:])
    assert {key: str(value) for key, value in odd.items()} in found and len(found) <= 40


def test_given_points_have_corners_with_the_axes_typed() -> None:
    found = seen({"a": 1, "b": 0}, {"a": 0, "b": 0}, {"a": 9, "b": 9, "model": "cnn"}, axis="1,0")
    assert {"y": "0", "a": "0", "b": "0"} in found and len(found) == 5


def test_an_axis_of_mappings_has_corners_with_the_other_axes() -> None:
    assert ("{a: 0, b: 0}", "0") in looked_at(("w", "{a: 1, b: 0};{a: 0, b: 0}"), ("w.c", "1;0"), separator=";")
