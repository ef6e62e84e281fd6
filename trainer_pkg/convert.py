"""`python -m trainer_pkg.convert`, the public name of `trainer_pkg.tools.convert`."""

import typer

from trainer_pkg.tools.convert import convert

if __name__ == "__main__":
    typer.run(convert)
