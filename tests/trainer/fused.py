"""Trials that train together, and the same trials alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from omegaconf import DictConfig

from sweeps.trial.group import Group, Seat
from sweeps.trial.handle import Trial, enter
from tests.conftest import REPOSITORY
from tests.trainer.runs import final_state, metrics
from trainer_pkg.fused.declared import Fusion
from trainer_pkg.models import register_models
from trainer_pkg.run import run
from trainer_pkg.trusted import WHITELIST

LISTED = [*WHITELIST, "tests.*"]


def config(folder: Path, data: Path, *overrides: str) -> DictConfig:
    register_models()
    usual = ["data=multihead_digits", "model.size=tiny", "trainer.max_epochs=2", "trainer.limit_train_batches=12"]
    paths = ["trainer.accelerator=cpu", f"paths.output_dir={folder}", f"paths.data_dir={data}"]
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(LISTED):
        return compose("train", overrides=[*usual, *paths, *overrides])


def alone(folder: Path, data: Path, *overrides: str) -> Any:
    """Train one trial; what it gives, or the exception that ends it."""
    return _outcome(config(folder, data, *overrides))


def together(
    folder: Path, data: Path, options: Mapping[int, Sequence[str]], trials: Mapping[int, Trial] | None = None
) -> dict[int, Any]:
    """Train trials in one process, each in a folder named after its number; what each gives.

    Args:
        folder: The folder of these.
        data: Folder of the data.
        options: The overrides of each, by its number.
        trials: Handles of some; the others have one such as outside a study.
    """
    group = Group()
    found: dict[int, Any] = {}
    for number, overrides in options.items():
        cfg = config(folder / str(number), data, *overrides)

        def body(seat: Seat, number: int = number, cfg: DictConfig = cfg) -> None:
            enter(seat.trial)
            seat.keep(lambda: None, lambda _: enter(seat.trial))
            Fusion().join(cfg, seat)
            found[number] = _outcome(cfg)

        group.add(body, (trials or {}).get(number))
    group.run()
    enter(Trial())
    return found


def gaps_between(one: Path, two: Path, stages: tuple[str, ...]) -> dict[str, float]:
    """How far the metrics of two runs are apart, of the reports of these stages; both have reported the same ones."""
    first, second = metrics(one), metrics(two)
    assert first.keys() == second.keys()
    return {name: abs(value - second[name]) for name, value in first.items() if name[0].startswith(stages)}


def each_way(folder: Path, data: Path, options: Mapping[int, Sequence[str]]) -> Iterator[tuple[Path, Path]]:
    """Train trials together, then each alone; the folders of each, that of alone first."""
    together(folder, data, options)
    for number, overrides in options.items():
        lone = folder / "alone" / str(number)
        alone(lone, data, *overrides)
        yield lone, folder / str(number)


def assert_each_ends_as_alone(folder: Path, data: Path, options: Mapping[int, Sequence[str]]) -> None:
    """Train trials together, then each alone: all that they give and leave is the same."""
    found = together(folder, data, options)
    for number, overrides in options.items():
        lone = folder / "alone" / str(number)
        assert found[number] == alone(lone, data, *overrides)
        assert_alike(lone, folder / str(number))


def _outcome(cfg: DictConfig) -> Any:
    with execution_whitelist(LISTED):
        try:
            return run(cfg)
        except BaseException as error:  # TrialPruned and SystemExit, too
            return error


def assert_alike(one: Path, two: Path, tolerance: float = 0.0, but: tuple[str, ...] = ()) -> None:
    """Two runs have the same last checkpoint, the same metrics, and the same of a test: its counts and its network.

    Training losses are sums in another order, so the last digit of a report may differ. Whatever has one of
    `but` in its path may differ, too.
    """
    states = [final_state(folder) for folder in (one, two)]
    differences = {path: value for path, value in differing(*states).items() if not _is_place(path)}
    differences = {path: value for path, value in differences.items() if not any(part in path for part in but)}
    assert all(is_close(value, tolerance, path) for path, value in differences.items()), differences
    sizes = [(folder / "checkpoints" / "best.ckpt").stat().st_size for folder in (one, two)]
    assert abs(sizes[0] - sizes[1]) < 1000, "a part of the stack was written with all of it"
    first, second = metrics(one), metrics(two)
    assert first.keys() == second.keys()
    for name, value in first.items():
        allowed = max(tolerance, 1e-6 * abs(value) if name[0].startswith("train/") else 0.0)
        assert abs(value - second[name]) <= allowed or value != value, name
    if not tolerance:
        assert confusion(one) == confusion(two)
        assert not differing(*(model(folder) for folder in (one, two)))


def confusion(folder: Path) -> str | None:
    """What a test has counted."""
    path = folder / "confusion.json"
    return path.read_text() if path.exists() else None


def model(folder: Path) -> Any:
    """What the best network was written as, of a run that came to its end."""
    path = folder / "model" / "data" / "model.pth"
    return torch.load(path, weights_only=True) if path.exists() else None


def differing(one: Any, two: Any, path: str = "") -> dict[str, Any]:
    """Path to both values, wherever two trees differ."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return {} if one.dtype == two.dtype and torch.equal(one, two) else {path: (one, two)}
    if isinstance(one, dict) and isinstance(two, dict):
        keys = [*one, *(key for key in two if key not in one)]
        parts = [differing(one.get(key, "none"), two.get(key, "none"), f"{path}/{key}") for key in keys]
    elif isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        parts = [differing(a, b, f"{path}/{i}") for i, (a, b) in enumerate(zip(one, two, strict=True))]
    else:
        return {} if one == two or (one != one and two != two) else {path: (one, two)}
    return {key: value for part in parts for key, value in part.items()}


def is_close(values: tuple[Any, Any], tolerance: float, path: str) -> bool:
    """Whether two numbers or tensors are; a report may differ in its last digit."""
    if path.startswith(("/metrics/", "/lr_schedulers")):
        tolerance = max(tolerance, 1e-6 * abs(float(values[0])))
    try:
        one, two = (torch.as_tensor(value, dtype=torch.float64) for value in values)
    except (TypeError, ValueError):
        return False
    return torch.allclose(one, two, rtol=0, atol=tolerance, equal_nan=True)


def _is_place(path: str) -> bool:
    """Whether it names the run's folder."""
    return path == "/config/trainer/default_root_dir" or (
        path.startswith("/callbacks/ModelCheckpoint") and path.rpartition("}")[2].split("/")[1] in _PLACES
    )


_PLACES = ("dirpath", "kth_best_model_path", "best_k_models", "best_model_path", "last_model_path")
