"""A Hydra application that knows nothing of studies, with a callback, a logger, and what Hydra says of its job."""

import logging
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

log = logging.getLogger(__name__)


CONFIG = {
    "x": 1.0,
    "text": "plain",
    "hydra": {"callbacks": {"witness": {"_target_": "witness.Witness", "path": "${oc.env:CALLS}"}}},
}
ConfigStore.instance().store(name="plain", node=CONFIG)


@hydra.main(config_path=None, config_name="plain")
def main(cfg: DictConfig) -> float:
    log.info("x=%s", cfg.x)
    print(f"cwd={Path.cwd()}")
    print(f"dirname={HydraConfig.get().job.override_dirname}")
    return float(cfg.x) ** 2 + float(cfg.get("y", 0))


if __name__ == "__main__":
    main()
