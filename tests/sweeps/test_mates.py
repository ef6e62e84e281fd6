"""Which open trials are claimed with one, and what is known before there is one."""

from pathlib import Path
from typing import ClassVar

from omegaconf import DictConfig, OmegaConf

from sweeps.alike import Kinds
from sweeps.space import Point
from sweeps.worker.mates import Mates
from tests.studies import study_of


class Seeds:
    differing = ("seed",)
    apart: ClassVar[dict[str, list[float]]] = {}


def test_what_a_claim_would_wait_for_is_found_out_before_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"seed": str(seed)}, None) for seed in range(5)])
    composed, asked = list[Point](), list[Point]()

    def compose(point: Point) -> DictConfig:
        composed.append(point)
        return OmegaConf.create({"seed": int(point.overrides["seed"])})

    def most(point: Point) -> int:
        asked.append(point)
        return 3

    mates = Mates(study, Kinds(Seeds(), compose), most)  # type: ignore[arg-type]
    mates.look_ahead()
    assert [len(composed), len(asked)] == [1, 1]
    claim = study.claim("w", None)
    assert claim is not None
    assert [each.number for each in mates.of(claim, None, 1, [], None)] == [0, 1, 2]
    assert [len(composed), len(asked)] == [1, 1]


def test_nothing_is_looked_for_where_nothing_is_open(tmp_path: Path) -> None:
    def compose(point: Point) -> DictConfig:
        raise AssertionError(point)

    Mates(study_of(tmp_path, []), Kinds(Seeds(), compose), lambda point: 3).look_ahead()  # type: ignore[arg-type]
