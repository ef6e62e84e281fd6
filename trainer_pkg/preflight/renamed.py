"""Names that other projects of this kind use, and their spelling here.

Who types such a name gets one line with the right spelling. docs/migrating.md shows whole commands.
"""

from collections.abc import Iterable, Mapping

OPTIONS: Mapping[str, str] = {
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
"""Option of another project to the overrides that mean it here."""

_KEYS = {
    "model.criterion.weight": "model.criterion._target_=trainer_pkg.losses.classification.WeightedCrossEntropy"
    " +model.criterion.class_weights",
    "trainer.datamodule.batch_size": "data.batch_size",
    "data_module.batch_size": "data.batch_size",
    "optimized_metric": "study.objective",
    "task_name": "study.name",
    "task.optimizer.lr": "model.optimizer.lr",
    "task.model.backbone": "model/backbone",
    "task/model/backbone": "model/backbone",
}


_WITHOUT_A_NAME = {
    "model.net.conv1_channels": "model.net.widths=[64,64,128] sets both convolutions and the hidden layer.",
    "model.net.auxiliary_input_size": "a network gets as many inputs as the data has scalars, which"
    " data.source.aux=[COLUMN] of data=hf names for instance.",
    "model.net.heads_config": "heads come from the data; data.labels.heads adds more.",
}


def spelling_here(arguments: Iterable[str]) -> str | None:
    """A line about the first argument that is another project's; None if there is none.

    >>> spelling_here(["model=mnist_cnn", "trainer.max_epochs=3"])
    'model=mnist_cnn is spelled model=cnn here.'
    """
    for argument in arguments:
        key, _, value = argument.lstrip("+~").partition("=")
        for option in [f"{key}={each}" for each in value.split(",")]:
            if option in OPTIONS:
                return f"{option} is spelled {OPTIONS[option]} here."
        if key in _KEYS:
            return f"{key} is spelled {_KEYS[key]} here."
        if key in _WITHOUT_A_NAME:
            return f"{key} does not exist here: {_WITHOUT_A_NAME[key]}"
    return None
