"""Which trials share a process, and how they meet there."""

import contextvars
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from sweeps.alike import Kinds, may_follow
from sweeps.errors import StudyError
from sweeps.fusion import groups_of, hindrance, kind_of, may_differ, size_of
from sweeps.space import Point
from sweeps.study.built import fusion_of
from sweeps.trial.group import Group, Seat


class Weights:
    """What an application might say."""

    differing: Sequence[str] = ("model.loss_weights.*", "model.optimizer.*", "seed")
    apart: Mapping[str, Sequence[float]] = {"model.loss_weights.*": [0]}


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("model.loss_weights.digit", "0.5", True),
        ("model.loss_weights.digit", "5", True),
        ("model.loss_weights.digit", "0", False),  # nothing of that head is trained
        ("model.loss_weights.digit", "0.0", False),
        ("model.optimizer.lr", "1e-3", True),
        ("model.optimizer._target_", "torch.optim.SGD", False),  # no number
        ("model.optimizer.fused", "true", False),
        ("model.optimizer.betas", "[0.9,0.99]", False),
        ("seed", "3", True),
        ("+model.optimizer.momentum", "0.9", True),
        ("++model.loss_weights.digit", "0", False),
        ("seed", "null", False),
        ("model", "cnn", False),
        ("model.optimizer", "7", False),
    ],
)
def test_numbers_of_the_keys_that_an_application_names_may_differ(key: str, text: str, expected: bool) -> None:
    assert may_differ(key, text, Weights()) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"model": "cnn", "seed": "1"}, {"model": "cnn", "seed": "2"}, True),
        ({"model": "cnn"}, {"model": "cnn", "model.loss_weights.a": "2"}, True),
        ({"model": "cnn"}, {"model": "vit"}, False),
        ({"model": "cnn"}, {"model": "cnn", "model.loss_weights.a": "0"}, False),
        ({"model.loss_weights.a": "0", "seed": "1"}, {"model.loss_weights.a": "0.0", "seed": "2"}, True),
        ({"model.loss_weights": "{a: 1, b: 2}"}, {"model.loss_weights": "{a: 2, b: 2}"}, True),
        ({"data.batch_size": "64"}, {"data.batch_size": "128"}, False),
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1.0"}, True),
    ],
)
def test_points_are_alike_that_differ_in_such_numbers_alone(
    one: dict[str, str], other: dict[str, str], expected: bool
) -> None:
    assert (kind_of(one, Weights()) == kind_of(other, Weights())) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("num_alike", "num_places", "most", "expected"),
    [
        (12, 2, 6, 6),
        (12, 2, 8, 6),
        (12, 1, 8, 6),
        (13, 1, 6, 5),
        (2, 4, 6, 1),
        (1, 1, 6, 1),
        (0, 2, 6, 0),
        (9, 2, 1, 1),
    ],
)
def test_groups_fill_the_places_and_are_of_one_size(num_alike: int, num_places: int, most: int, expected: int) -> None:
    assert size_of(num_alike, num_places, most) == expected


def test_the_groups_of_a_grid() -> None:
    points = [{"model": model, "seed": str(seed)} for model in ("dense", "cnn") for seed in range(4)]
    kinds = [kind_of(point, Weights()) for point in points]  # type: ignore[arg-type]
    found = groups_of(kinds, {kinds[0]: 4}, num_places=2)
    assert found == [[0, 1], [2, 3], [4], [5], [6], [7]]


@pytest.mark.parametrize(
    ("key", "texts", "expected"),
    [
        ("seed", ["0", "1"], None),
        ("model", ["cnn"], None),
        ("model", ["cnn", "vit"], "model: trials that differ in it are not fused"),
        ("model.loss_weights.a", ["0", "1", "2"], "model.loss_weights.a=0: fused among themselves only"),
    ],
)
def test_an_axis_that_keeps_trials_apart_is_named(key: str, texts: list[str], expected: str | None) -> None:
    assert hindrance(key, texts, Weights()) == expected  # type: ignore[arg-type]


def test_what_follows_from_a_number_keeps_points_apart() -> None:
    """The seed of a split, a name, a list: nothing in them may differ, whatever the overrides say."""
    text = "seed: 0\nmodel: {optimizer: {lr: 0.1, half: '${model.optimizer.lr}'}}\nsplit: 1\nstudy: {name: '${seed}'}\n"
    points = [Point(overrides={"seed": str(seed)}, varied=("seed",)) for seed in (1, 2)]

    def kinds(more: str) -> Kinds:
        def compose(point: Point) -> DictConfig:
            return OmegaConf.merge(OmegaConf.create(text + more), OmegaConf.from_dotlist(point.as_arguments()))  # type: ignore[return-value]

        return Kinds(Weights(), compose)  # type: ignore[arg-type]

    assert kinds("").are_alike(*points) and kinds("never: ${nowhere}").are_alike(*points)
    for more, key in (
        ("split_seed: ${seed}", "split_seed"),
        ("names: [a, 'run ${seed}']", "names.1"),
        ("deep: {list: [{rate: '${seed}'}]}", "deep.list.0.rate"),
        ("at: '${study.name}'", "at"),
        ("at: '${${which}}'\nwhich: seed", "at"),
        ("at: '${oc.select:seed}'", "at"),
        ("deep: {at: '${..seed}'}", "deep.at"),
    ):
        assert not kinds(more).are_alike(*points) and kinds(more).parted(points) == [key]

    def in_tuple(point: Point) -> DictConfig:
        return OmegaConf.create({"seed": int(point.overrides["seed"]), "at": ("${seed}", 2)})

    assert Kinds(Weights(), in_tuple).parted(points) == ["at.0"]  # type: ignore[arg-type]
    apart = [Point(overrides={}, varied=()), points[0]]
    assert kinds("").are_alike(*apart) and not kinds("split_seed: ${seed}").are_alike(*apart)
    assert not kinds("split_seed: ${seed}").are_alike(*reversed(apart))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${model.optimizer.lr}", True),
        ("${model.optimizer}", True),
        ("${model}", True),
        ("${model.optimizer.lr_decay}", False),
        ("${model.opt}", False),
        ("x${seed}y${model.size}z", False),
        ("x${seed}y${model}z", True),
        ("${.lr}", True),
        ("${..optimizer.momentum}", True),
        ("${.size}", False),
        ("${model[optimizer].lr}", True),
        ("${oc.env:HOME}/x", False),
        ("${oc.env:HOME,${seed}}", True),
        ("${hydra:runtime.choices.model}", False),
        ("${hydra.job.name}", True),
        ("${now:%Y-%m-%d}", False),
        ("${my_own:1}", True),
        ("${ model }", True),
    ],
)
def test_what_may_follow_from_a_number_is_told_by_its_text(text: str, expected: bool) -> None:
    assert may_follow(OmegaConf.create({"a": [{"b": text}]}), ["model.optimizer.lr"]) is expected


def test_points_are_composed_only_where_something_may_follow_from_their_numbers() -> None:
    points, composed = [Point(overrides={"seed": str(seed)}, varied=("seed",)) for seed in range(5)], list[Point]()
    for text, num in (("size: ${split}\nsplit: 1", 1), ("split_seed: ${seed}", 5)):

        def compose(point: Point, text: str = text) -> DictConfig:
            composed.append(point)
            return OmegaConf.create(f"seed: {point.overrides['seed']}\n{text}")  # type: ignore[return-value]

        kinds = Kinds(Weights(), compose)  # type: ignore[arg-type]
        assert len({kinds.of(point) for point in points}) == num and len(composed) == num
        composed.clear()


def group_of(*bodies: Callable[[Seat], None]) -> Group:
    group = Group()
    for body in bodies:
        group.add(body)
    return group


def test_trials_meet_at_the_least_place_and_nobody_waits_for_those_that_have_ended() -> None:
    met: list[tuple[Any, list[str]]] = []

    def body(name: str, places: Sequence[int]) -> Callable[[Seat], None]:
        def go(seat: Seat) -> None:
            for place in places:
                assert seat.meet(place, name, lambda names, place=place: met.append((place, names)) or names) == name

        return go

    group_of(body("a", [0, 1, 2]), body("b", [1, 2]), body("c", [0, 1])).run()
    assert met == [(0, ["a", "c"]), (1, ["a", "b", "c"]), (2, ["a", "b"])]


def test_a_result_that_is_an_error_is_raised_in_its_trial_alone() -> None:
    ended: list[str] = []

    def body(name: str) -> Callable[[Seat], None]:
        def go(seat: Seat) -> None:
            try:
                ended.append(seat.meet(0, name, lambda names: ["fine" if n == "a" else OSError(n) for n in names]))
            except OSError as error:
                ended.append(f"raised {error}")

        return go

    group_of(body("a"), body("b")).run()
    assert ended == ["fine", "raised b"]


def test_work_that_fails_ends_the_run() -> None:
    with pytest.raises(ZeroDivisionError):
        group_of(lambda seat: seat.meet(0, 1, lambda found: [1 // 0]), lambda seat: None).run()


def test_each_trial_has_its_own_state_and_context() -> None:
    generator, name = [0], contextvars.ContextVar[str]("name", default="nobody")
    seen: list[tuple[str, int]] = []

    def body(own: str, start: int) -> Callable[[Seat], None]:
        def restore(state: int) -> None:
            generator[0] = state

        def go(seat: Seat) -> None:
            seat.keep(lambda: generator[0], restore)
            name.set(own)
            generator[0] = start
            for place in range(2):
                generator[0] += 1
                seat.meet(place, None, lambda payloads: payloads)
                seen.append((name.get(), generator[0]))

        return go

    group_of(body("a", 10), body("b", 20)).run()
    assert seen == [("a", 11), ("b", 21), ("a", 12), ("b", 22)] and name.get() == "nobody"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "own.fused.Fusoin",
            "Target 'own.fused.Fusoin' is not in the Hydra execution whitelist. Did you mean 'own.fused.Fusion'?",
        ),
        (
            "os.system",
            "Target 'os.system' cannot be authorized by the Hydra execution whitelist because it allows config data to"
            " control executable behavior or belongs to an execution-capable target family.",
        ),
        ("far.off.Thing", "Target 'far.off.Thing' is not in the Hydra execution whitelist."),
    ],
)
def test_a_fusion_that_is_not_trusted_is_refused_with_what_is_near(target: str, message: str) -> None:
    with pytest.raises(StudyError) as refused:
        fusion_of({"_target_": target}, ("own.fused.Fusion", "own.Model"))
    assert str(refused.value) == f"study.fusion: {message}"
