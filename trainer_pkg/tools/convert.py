"""`python -m trainer_pkg.convert FROM TO`: writes a multihead data set in another format of files."""

from pathlib import Path
from typing import Annotated

import typer

from trainer_pkg.errors import ConfigError


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="A directory or file that data=multihead_files reads.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TO", help="FILE.pt for tensors, else a new CIFAR-100-MH directory.")
    ],
) -> None:
    """Read a multihead data set, check every sample, and write it anew."""
    from trainer_pkg.data import cifar100mh, tensors
    from trainer_pkg.data.files import MultiheadFiles

    try:
        if target.exists():
            raise ConfigError(f"{target} exists.")
        files = MultiheadFiles(source)
        write = tensors.write if target.suffix == ".pt" else cifar100mh.write
        splits = files.load()
        write(target, files.spec, splits)
    except ConfigError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    heads = ", ".join(f"{head} {type(kind).__name__.lower()}" for head, kind in files.spec.targets.items())
    sizes = ", ".join(f"{len(columns['image'])} {split}" for split, columns in splits.items())
    typer.echo(f"{target}: {sizes} images of {files.spec.input_shape}; {heads}")
