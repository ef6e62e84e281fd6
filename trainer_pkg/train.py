"""`train`: one run; with `-m`, a study."""

from typing import Any

import hydra
from omegaconf import DictConfig

from trainer_pkg.command import one_line_errors
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.postponed import collect_as_usual, postpone_scipy_signal
from trainer_pkg.trusted import WHITELIST

register_models()
postpone_scipy_signal()


@one_line_errors
@hydra.main(config_path=config_dir(), config_name="train", execution_whitelist=WHITELIST)
def main(cfg: DictConfig) -> Any:
    """Train one configuration and return its objective."""
    # Here, not at the top: `--help` and tab completion must not wait for torch.
    from trainer_pkg.run import run

    collect_as_usual()
    return run(cfg)


if __name__ == "__main__":
    main()
