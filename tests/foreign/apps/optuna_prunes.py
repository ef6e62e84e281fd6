"""A loop that knows Optuna: it raises Optuna's own exception."""

import hydra
import optuna

from sweeps import current_trial


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    current_trial().report({"loss": float(cfg.x)}, 0)
    if float(cfg.x) > 1:
        raise optuna.TrialPruned
    return float(cfg.x)


if __name__ == "__main__":
    main()
