"""`evaluate`: test a checkpoint, with the configuration it was trained with."""

from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from trainer_pkg.command import one_line_errors
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.postponed import collect_as_usual, postpone_scipy_signal
from trainer_pkg.trusted import WHITELIST

register_models()
postpone_scipy_signal()


@one_line_errors
@hydra.main(config_path=config_dir(), config_name="evaluate", execution_whitelist=WHITELIST)
def main(cfg: DictConfig) -> Any:
    """Test one checkpoint and print its metrics."""
    from trainer_pkg.preflight.stored import with_checkpoint_config
    from trainer_pkg.run import run

    collect_as_usual()
    return run(with_checkpoint_config(cfg, HydraConfig.get().overrides.task))


if __name__ == "__main__":
    main()
