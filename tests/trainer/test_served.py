"""A trained network as a model in MLflow's format: what it predicts, and what a stranger's model cannot do."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist

from tests.conftest import REPOSITORY
from trainer_pkg.data.cache import cached
from trainer_pkg.data.digits import Digits
from trainer_pkg.errors import ConfigError
from trainer_pkg.models import register_models
from trainer_pkg.packaged import as_plain
from trainer_pkg.run import run
from trainer_pkg.served import Served, spec_of
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal
from trainer_pkg.trusted import WHITELIST


def train(folder: Path, data: Path, *overrides: str) -> None:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist([*WHITELIST, "tests.*"]):
        places = [f"paths.output_dir={folder}", f"paths.data_dir={data}", "trainer.accelerator=cpu"]
        run(compose("train", overrides=[*places, "trainer.max_epochs=1", "model.size=tiny", *overrides]))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run whose network has two kinds of losses; its images are inverted before each test."""
    folder = tmp_path_factory.mktemp("run")
    transform = "{_target_: torchvision.transforms.v2.RandomInvert, p: 1.0}"
    invert = f"++data.eval_transform={{_target_: trainer_pkg.data.transforms.Wrap, transform: {transform}}}"
    ordinal = "+model.criteria.thickness._target_=trainer_pkg.losses.ordered.OrdinalRegression"
    train(folder, data, "data=multihead_digits", "data/labels=measured", "model=cnn", ordinal, invert)
    return folder


def logged(folder: Path, name: str) -> float:
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [record["metrics"][name] for record in records if name in record.get("metrics", {})][-1]


def predicted(model: Any, data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    test = cached(Digits(), data / "cache")["test"]
    parts = [model.predict(images)["digit"] for images in test["image"].split(250)]  # data.eval_batch_size
    return torch.cat(parts), test["digit"]


def test_a_model_predicts_what_the_test_has_measured(trained: Path, data: Path) -> None:
    model = mlflow.pytorch.load_model(str(trained / "model"))
    assert isinstance(model, Served) and not model.training
    labels, truth = predicted(model, data)
    assert abs((labels == truth).float().mean().item() - logged(trained, "test/digit_acc")) < 1e-6
    assert model(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))["digit"].shape == (2, 10)


def test_a_model_holds_nothing_that_only_training_counts(trained: Path) -> None:
    names = torch.load(trained / "model" / "data" / "model.pth", weights_only=True)["state_dict"]
    assert {name.partition(".")[0] for name in names} == {"network", "selection"}


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's import, of itself
def test_mlflow_s_plain_function_gives_the_labels_and_the_signature_says_so(trained: Path, data: Path) -> None:
    function = mlflow.pyfunc.load_model(str(trained / "model"))
    images = cached(Digits(), data / "cache")["test"]["image"][:7]
    labels = function.predict({"image": images.numpy()})
    signature = function.metadata.signature
    assert set(labels) == {"digit", "thickness", "smoothness"} == {each.name for each in signature.outputs}
    again = mlflow.pytorch.load_model(str(trained / "model")).predict(images)
    assert {name: values.tolist() for name, values in again.items()} == {k: v.tolist() for k, v in labels.items()}
    assert [(each.name, each.shape) for each in signature.inputs] == [("image", (-1, 1, 28, 28))]


def test_loading_a_model_draws_no_random_number(trained: Path) -> None:
    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    mlflow.pytorch.load_model(str(trained / "model"))
    assert torch.equal(torch.rand(1), first)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"_target_": "os.system", "_args_": ["touch CANARY"]}},
        {"eval_transform": {"_target_": "trainer_pkg.generated.Generated", "path": "CANARY"}},
        {"model": {"_target_": "torch.nn.Linear", "in_features": "${oc.env:HOME}"}},
        {"spec": {"input_shape": [1, 8, 8], "targets": {"x": {"kind": "Path"}}, "num_aux": 0}},
    ],
)
def test_a_stranger_s_model_runs_nothing(trained: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    for name in ("MLmodel", "data/pickle_module_info.txt"):
        (folder / name).write_text((trained / "model" / name).read_text())
    content = torch.load(trained / "model" / "data" / "model.pth", weights_only=True)
    canary = tmp_path / "canary"
    replaced = json.loads(json.dumps(change).replace("CANARY", str(canary)))
    torch.save({**content, **replaced}, folder / "data" / "model.pth")
    with pytest.raises(ConfigError, match=r"no trusted constructor|an approval|no value|Known: Categorical"):
        mlflow.pytorch.load_model(str(folder))
    assert not canary.exists()


class Hostile:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("canary"),)


def test_a_pickle_of_objects_is_no_model(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model" / "data").mkdir(parents=True)
    for name in ("MLmodel", "data/pickle_module_info.txt"):
        (tmp_path / "model" / name).write_text((trained / "model" / name).read_text())
    torch.save({"state_dict": {}, "spec": Hostile()}, tmp_path / "model" / "data" / "model.pth")
    with pytest.raises(Exception, match=r"Unsupported|GLOBAL"):
        mlflow.pytorch.load_model(str(tmp_path / "model"))
    torch.save({"weights": torch.zeros(1)}, tmp_path / "model" / "data" / "model.pth")
    with pytest.raises(ConfigError, match="no state_dict and no spec"):
        mlflow.pytorch.load_model(str(tmp_path / "model"))
    assert not (tmp_path / "canary").exists()


def test_a_spec_is_read_as_it_was_written() -> None:
    targets = {
        "a": Categorical(num_classes=3), "b": Ordinal(num_classes=5, low=1990.0), "c": Continuous(low=-1.0, high=2.0),
    }  # fmt: skip
    spec = DataSpec(input_shape=(3, 4, 5), targets=targets, num_aux=2)  # type: ignore[arg-type]
    assert spec_of(json.loads(json.dumps(as_plain(spec)))) == spec


def test_without_a_checkpoint_there_is_no_model(tmp_path: Path, data: Path) -> None:
    train(tmp_path, data, "callbacks.best=null", "callbacks.resume=null", "+trainer.enable_checkpointing=false")
    assert (tmp_path / "journal.jsonl").exists() and not (tmp_path / "model").exists()
