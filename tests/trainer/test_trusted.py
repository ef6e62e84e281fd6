"""A configuration names trusted constructors and nothing else, whoever wrote it: command line, file, checkpoint."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, InstantiationException
from hydra.utils import execution_whitelist, instantiate
from omegaconf import DictConfig, OmegaConf

from tests.conftest import REPOSITORY, Commands, lines
from tests.trainer.runs import command_in_fork
from trainer_pkg import evaluate, train
from trainer_pkg.checkpoint import AtomicCheckpointIO
from trainer_pkg.errors import ConfigError
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.preflight.stored import with_checkpoint_config
from trainer_pkg.trusted import APPROVAL, FROM_CHECKPOINTS, WHITELIST, is_trusted

_NAMES = """
os.system os.popen os.execv os.spawnl os.remove os.putenv posix.system nt.system subprocess.Popen subprocess.run
subprocess.check_output subprocess.getoutput builtins.eval builtins.exec builtins.compile builtins.open
builtins.__import__ builtins.getattr builtins.setattr builtins.type builtins.map eval exec pickle.loads pickle.load
pickle.Unpickler _pickle.loads cloudpickle.loads marshal.loads shelve.open importlib.import_module importlib.reload
runpy.run_path runpy.run_module code.interact pty.spawn webbrowser.open ctypes.CDLL platform.popen timeit.timeit
cProfile.run pdb.run doctest.testfile shutil.rmtree pathlib.Path.write_text pathlib.Path.unlink tempfile.mkstemp
urllib.request.urlopen urllib.request.urlretrieve socket.create_connection http.server.test multiprocessing.Process
threading.Thread concurrent.futures.ProcessPoolExecutor functools.partial functools.reduce operator.methodcaller
operator.attrgetter types.FunctionType types.CodeType torch.load torch.save torch.hub.load
torch.hub.load_state_dict_from_url torch.jit.load torch.classes.load_library torch.ops.load_library
torch.package.PackageImporter torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline torch.compile
torch.utils.data.DataLoader torch.serialization.load torch.distributed.run.main torch.multiprocessing.spawn numpy.load
numpy.fromfile numpy.testing._private.utils.runstring pandas.read_pickle pandas.eval joblib.load yaml.unsafe_load
hydra.utils.instantiate hydra.utils.call hydra.utils.get_method hydra.utils.get_class hydra.utils.get_object
hydra._internal.utils._locate omegaconf.OmegaConf.load omegaconf.OmegaConf.register_new_resolver
torchvision.models.get_model torchvision.datasets.DatasetFolder torchvision.datasets.utils.download_url
torchvision.io.read_file lightning.pytorch.LightningModule.load_from_checkpoint
lightning.pytorch.core.saving._load_from_checkpoint lightning.pytorch.cli.instantiate_class
lightning.pytorch.cli.LightningCLI lightning.fabric.utilities.cloud_io._load mlflow.pytorch.load_model
datasets.load_dataset optuna.load_study optuna.storages.RDBStorage sqlalchemy.create_engine
sweeps.worker.application._opened sweeps.cli.changing.worker sweeps.worker.child.run_in_child sweeps.lightning.Journal
sweeps.study.storage.Database trainer_pkg.tools.generated._function trainer_pkg.tools.generated.Generated
trainer_pkg.tools.generate.generate trainer_pkg.data.pickles.read_pickle trainer_pkg.checkpoint.load
trainer_pkg.atomic.write_atomically trainer_pkg.run.run trainer_pkg.module.torch.load trainer_pkg.run.os.system
trainer_pkg.command.os.system trainer_pkg.data.transforms.torch.hub.load trainer_pkg.nets.vit.nn.Module
trainer_pkg.data.pickles.pickle.loads trainer_pkg.data.DataModule.__init__.__globals__
trainer_pkg.data.digits.Digits.load.__globals__ trainer_pkg.losses.mapped.Mapped.__call__ torch.nn.Linear.forward
torch.nn.Module.load_state_dict torch.nn.modules.module.torch.load torch.nn.modules.linear.math
torch.nn.parallel.DistributedDataParallel torch.nn.utils.parametrize.register_parametrization
torch.optim.Adam.register_step_post_hook torch.optim.optimizer.torch.load torchvision.transforms.v2.Lambda
torchvision.transforms.v2.functional.torch.load optuna.pruners.MedianPruner.__init__
optuna.samplers._base.warnings.warn hostile.run hostile.Class
"""
HOSTILE = _NAMES.split()
PLACES = (
    "+data.train_transform={call}",
    "+data.train_transform={{_target_: trainer_pkg.data.transforms.Compose, a: {call}}}",
    "+data.eval_transform={{_target_: trainer_pkg.data.transforms.Wrap, transform: {{_target_: torch.nn.Sequential,"
    " _args_: [{call}]}}}}",
    "++model.criterion={call}",
    "+callbacks.x={call}",
    "+logger.x={call}",
    "+trainer.profiler={call}",
    "study.pruner={call}",
)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that every hostile call would write; `hostile` is a module that writes it when it is imported."""
    path = tmp_path / "canary"
    (tmp_path / "hostile.py").write_text(f"open({str(path)!r}, 'w')\ndef run(*_, **__): pass\nclass Class: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "secret-of-the-environment")
    return path


def call(target: str, canary: Path) -> dict[str, Any]:
    return {"_target_": target, "_args_": [f"touch {canary}"]}


def composed(*overrides: str, name: str = "train") -> DictConfig:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        return compose(name, overrides=["data=multihead_digits", *overrides])


def test_the_list_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 130


@pytest.mark.parametrize(
    ("place", "one_in"),
    [(PLACES[0], 1), *((place, 10) for place in [*PLACES[1:], "file"])]
    + [pytest.param(place, 1, marks=pytest.mark.slow) for place in [*PLACES[1:], "file"]],
)
def test_a_hostile_name_is_refused_wherever_it_stands(place: str, one_in: int, canary: Path) -> None:
    file = canary.with_name("experiment") / "theirs.yaml"
    file.parent.mkdir()
    file.write_text("# @package _global_\n" + yaml.dump({"callbacks": {"x": {"y": [call("NAME", canary)]}}}))
    typed = [place.format(call=f"{{_target_: NAME, _args_: ['touch {canary}']}}")]
    if place == "file":
        typed = [f"hydra.searchpath=[file://{canary.parent}]", "experiment=theirs"]
    cfg = composed(*typed)
    for target in HOSTILE[::one_in]:
        with execution_whitelist(WHITELIST), pytest.raises(ConfigError) as caught:
            check(OmegaConf.create(_with_name(OmegaConf.to_container(cfg), target)))
        assert f"_target_={target} is no trusted constructor." in one_line(caught.value)
    assert not canary.exists() and "hostile" not in sys.modules


def _with_name(config: Any, target: str) -> Any:
    if isinstance(config, dict):
        return {key: _with_name(value, target) for key, value in config.items()}
    if isinstance(config, list):
        return [_with_name(value, target) for value in config]
    return target if config == "NAME" else config


@pytest.mark.parametrize("target", HOSTILE)
def test_hydra_builds_nothing_of_a_hostile_name(target: str, canary: Path) -> None:
    with execution_whitelist(WHITELIST):
        for config in (call(target, canary), {"_target_": "torch.nn.Sequential", "_args_": [call(target, canary)]}):
            for partial in (False, True):
                with pytest.raises(InstantiationException):
                    instantiate({**config, "_partial_": partial})
    assert not canary.exists() and "hostile" not in sys.modules


@pytest.fixture(scope="module")
def cfg() -> DictConfig:
    return composed("ckpt_path=x.ckpt", name="evaluate")


@pytest.mark.parametrize("target", [*HOSTILE, APPROVAL])
def test_a_hostile_name_in_a_checkpoint_is_refused(target: str, canary: Path, cfg: DictConfig) -> None:
    config = {"data": {"train_transform": [{"deep": call(target, canary)}]}, "model": {}}
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "config": config}, "x.ckpt")
    with pytest.raises(ConfigError, match=r"^ckpt_path=x\.ckpt: data\.train_transform\[0\]\.deep\._target_="):
        with_checkpoint_config(cfg, [])
    assert not canary.exists()


@pytest.mark.parametrize(
    "config",
    [
        {"data": {"_target_": "lightning.pytorch.loggers.MLFlowLogger", "tracking_uri": "http://stranger"}},
        {"data": {"_target_": "sweeps.lightning.JournalLogger", "directory": "/"}},
        {"model": {"_target_": "${paths.log_dir}"}},
        {"model": {"_target_": "torch.nn.${.x}", "x": "Linear"}},
        {"model": {"_target_": ["os.system"]}},
        {"model": {"x": "${oc.env:TOKEN}"}},
        {"data": {"source": {"path": "https://stranger/${oc.env:TOKEN}"}}},
        {"data": {"source": {"path": "${study.storage}"}}},
        {"data": {"source": {"path": "${tracking.uri}"}}},
        {"data": {"source": {"path": "${oc.decode:${seed}}"}}},
        {"data": {"source": {"${oc.env:TOKEN}": 1}}},
        {"data": {"source": {"path": "${${seed}}"}}},
        {"data": "digits"},
        {"model": ["os.system"]},
    ],
)
def test_a_checkpoint_says_no_more_than_data_and_model(config: dict[str, Any], canary: Path, cfg: DictConfig) -> None:
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "config": config}, "x.ckpt")
    with pytest.raises(ConfigError, match=r"^ckpt_path=x\.ckpt: "):
        with_checkpoint_config(cfg, [])


def test_what_the_user_sets_in_place_of_a_checkpoints_part_is_the_users(canary: Path) -> None:
    config = {"data": {"train_transform": {"_target_": APPROVAL, "path": "x.py", "sha256": "0"}}}
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "config": config}, "x.ckpt")
    override = "+data.train_transform={_target_: trainer_pkg.generated.Generated, path: mine.py, sha256: 1}"
    merged = with_checkpoint_config(composed("ckpt_path=x.ckpt", override, name="evaluate"), [override])
    assert merged.data.train_transform.path == "mine.py"


def test_the_commands_refuse_in_one_line_and_run_nothing(commands: Commands, canary: Path) -> None:
    commands.environment["PYTHONPATH"] = f"{canary.parent}:{REPOSITORY}"
    (commands.folder / "mine" / "experiment").mkdir(parents=True)
    (commands.folder / "mine" / "experiment" / "theirs.yaml").write_text(
        "# @package _global_\n" + yaml.dump({"callbacks": {"x": call("hostile.run", canary)}})
    )
    config = {"data": {"train_transform": {"_target_": "trainer_pkg.tools.generated._function", "name": "f"}}}
    config["data"]["train_transform"] |= {"content": f"open({str(canary)!r}, 'w')", "path": "x"}
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "config": config}, commands.folder / "x.ckpt")
    before = commands.made()
    lines_in_forks = (
        (train.main, "-m", "model.criterion._target_=hostile.run", "model.size=tiny,base", "tracking.uri=null"),
        (evaluate.main, "ckpt_path=x.ckpt"),
    )
    for done in (
        commands.run("train", "model.criterion._target_=hostile.run"),
        commands.run("train", "--config-dir", "mine", "experiment=theirs"),
        commands.run("train", "+hydra.callbacks.x._target_=hostile.run"),
        *(command_in_fork(commands.folder, *line, main=main) for main, *line in lines_in_forks),
    ):
        assert done.returncode == 2 and len(lines(done.stderr)) == 1, done.stderr
        assert "hostile.run" in done.stderr or "x.ckpt: data.train_transform._target_" in done.stderr
        assert not canary.exists() and [name for name in commands.made() if name != "__pycache__"] == before


def test_a_line_from_a_database_approves_nothing(commands: Commands) -> None:
    (commands.folder / "f.py").write_text("open('canary', 'w')\ndef f(x): return x\n")
    commands.environment["SWEEPS_STORED_COMMAND"] = "1"
    approved = "+data.train_transform={_target_: trainer_pkg.generated.Generated, path: f.py, sha256: 1}"
    done = commands.run("train", approved)
    assert (done.returncode, commands.made()) == (2, ["f.py"])
    assert "is an approval, which only its user can give" in done.stderr


def test_every_trusted_name_is_a_class_that_stands_there() -> None:
    for name in WHITELIST:
        module, _, attribute = name.rpartition(".")
        assert inspect.isclass(getattr(importlib.import_module(module), attribute)), name
    assert not [name for name in WHITELIST if "*" in name]
    assert APPROVAL in WHITELIST and APPROVAL not in FROM_CHECKPOINTS


def test_every_name_that_the_documents_show_is_trusted() -> None:
    text = "\n".join(path.read_text() for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
    shown = set(re.findall(r"_target_[:=] *`?((?:torch|trainer_pkg|lightning|sweeps|optuna)[\w.]+)", text))
    shown |= set(re.findall(r"^\| `((?:torch|trainer_pkg)\.[\w.]+)`", text, re.MULTILINE))
    assert len(shown) > 8 and {name for name in shown if not is_trusted(name, WHITELIST)} == {
        "trainer_pkg.nets.linear.Linear"  # the example of a new file, which its own YAML file makes trusted
    }


def test_losses_optimizers_and_schedulers_of_torch_are_all_there() -> None:
    for package, base in (("nn", torch.nn.modules.loss._Loss), ("optim", torch.optim.Optimizer)):
        kinds = [kind for kind in vars(getattr(torch, package)).values() if inspect.isclass(kind)]
        known = {f"torch.{package}.{kind.__name__}" for kind in kinds if issubclass(kind, base) and kind is not base}
        assert known - {"torch.nn.NLLLoss2d"} <= set(WHITELIST)
    assert {f"torch.optim.lr_scheduler.{name}" for name in torch.optim.lr_scheduler.__all__} - set(WHITELIST) == {
        "torch.optim.lr_scheduler.LRScheduler"
    }


def test_a_plain_configuration_says_nothing_else(cfg: DictConfig) -> None:
    plain = OmegaConf.to_container(cfg, resolve=False)
    found = _targets(plain)
    assert found and all(is_trusted(name, WHITELIST) for name in found)
    with pytest.raises(HydraException):
        instantiate({"_target_": "torch.nn.ReLU", "_execution_whitelist_": ["os.*"], "x": {"_target_": "os.system"}})


def _targets(config: Any) -> list[str]:
    if isinstance(config, dict):
        own = [config["_target_"]] if "_target_" in config else []
        return own + [name for value in config.values() for name in _targets(value)]
    return []
