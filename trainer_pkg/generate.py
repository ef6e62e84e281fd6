"""`python -m trainer_pkg.generate`, the public name of `trainer_pkg.tools.generate`."""

import typer

from trainer_pkg.tools.generate import generate

if __name__ == "__main__":
    typer.run(generate)
