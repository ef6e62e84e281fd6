"""What other projects of this kind call things, and what the same is called here.

A command line of theirs that does not work here is answered with the right spelling; docs/migrating.md lists them.
"""

from collections.abc import Iterable, Iterator

_OPTIONS = {
    "model=mnist": "model=dense",
    "model=mnist_sdn_8k": "model=dense model.size=tiny",
    "model=mnist_sdn_68k": "model=dense",
    "model=mnist_cnn": "model=cnn",
    "model=mnist_cnn_small": "model=cnn model.size=tiny",
    "model=mnist_cnn_8k": "model=cnn model.size=tiny",
    "model=mnist_cnn_68k": "model=cnn model.size=small",
    "model=mnist_cnn_421k": "model=cnn",
    "model=mnist_mh_cnn_422k": "model=cnn data=multihead_mnist",
    "model=mnist_multihead_cnn_422k": "model=cnn data=multihead_mnist",
    "model=simple_mlp": "model=mlp",
    "model=simple_mlp_256_128": "model=mlp",
    "model=mnist_convnext_8k": "model=convnext model.size=tiny",
    "model=mnist_convnext_18k": "model=convnext model.size=tiny",
    "model=mnist_convnext_68k": "model=convnext model.size=small",
    "model=mnist_convnext_73k": "model=convnext model.size=small",
    "model=mnist_convnext_210k": "model=convnext",
    "model=mnist_convnext_288k": "model=convnext",
    "model=mnist_convnext_725k": "model=convnext model.size=large",
    "model=mnist_convnext_821k": "model=convnext model.size=large",
    "model=mnist_vit_38k": "model=vit model.size=tiny",
    "model=mnist_vit_210k": "model=vit model.size=small",
    "model=mnist_vit_995": "experiment=vit_mnist_995",
    "model=mnist_vit_821k": "model=vit",
    "model=mnist_efficientnet_22k": "model=efficientnet model.size=tiny",
    "model=mnist_efficientnet_66k": "model=efficientnet model.size=small",
    "model=mnist_efficientnet_210k": "model=efficientnet model.size=medium",
    "model=mnist_efficientnet_7m": "model=efficientnet model.size=large",
    **{
        f"model={data}_{net}": f"model={family} data={data}"
        for data in ("cifar10", "cifar100")
        for net, family in {
            "cnn_64k": "cnn model.size=large",
            "convnext_210k": "convnext",
            "vit_210k": "vit model.size=small",
            "efficientnet_210k": "efficientnet model.size=large model.net.width=0.8",
        }.items()
    },
    "data=mnist_vit_995": "experiment=vit_mnist_995",
    "data=cifar100mh": "data=multihead_files data.source.path=FOLDER",
    "experiment=multihead_mnist": "experiment=multihead_cnn_mnist",
    "experiment=mnist_vit_995": "experiment=vit_mnist_995",
    "hparams_search=mnist_optuna": "hparams_search=optuna",
}
_KEYS = {
    "model.criterion.weight": "model.criterion._target_=trainer_pkg.losses.classification.WeightedCrossEntropy"
    " +model.criterion.class_weights",
    "model.net.conv1_channels": "model.net.widths, of both convolutions and the hidden layer:"
    " model.net.widths=[64,64,128]",
    "model.net.auxiliary_input_size": "measured: a data set with scalars, data.source.aux=[COLUMN] of data=hf for"
    " instance, gives the network as many inputs",
    "model.net.heads_config": "measured: heads come from the data; data.labels.heads adds more",
    "trainer.datamodule.batch_size": "data.batch_size",
    "data_module.batch_size": "data.batch_size",
    "optimized_metric": "study.objective",
    "task_name": "study.name",
    "task.optimizer.lr": "model.optimizer.lr",
    "task.model.backbone": "model/backbone",
    "task/model/backbone": "model/backbone",
}


def answer(arguments: Iterable[str]) -> str | None:
    """The right spelling of the first argument that is another project's; None where there is none."""
    for argument in arguments:
        key, _, value = argument.lstrip("+~").partition("=")
        for option in [f"{key}={each}" for each in value.split(",")]:
            if option in _OPTIONS:
                return f"{option} is {_OPTIONS[option]} here."
        if key in _KEYS:
            return f"{key} is {_KEYS[key]} here."
    return None


def options() -> Iterator[tuple[str, str]]:
    """Every option of another project and the overrides that are the same here."""
    yield from _OPTIONS.items()
