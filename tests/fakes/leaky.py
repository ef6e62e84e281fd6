"""A Hydra application that gives away whatever it knows, on every way out of a trial."""

import logging
import os
import subprocess
import sys
import time

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sweeps import current_trial
from sweeps.trial.journal import Journal

log = logging.getLogger(__name__)


@hydra.main(config_path="conf", config_name="leaky")
def main(cfg: DictConfig) -> object:
    token = os.environ.get
    print("read:", cfg.read, cfg.nested, cfg.service, cfg.account, cfg.database, cfg.get("api_key"), cfg.get("db"))
    sys.stderr.write(f"{token('STDERR_TOKEN')}\n")
    log.error("refused: %s", token("LOGGED_TOKEN"), exc_info=ValueError(token("TRACED_SECRET")))
    subprocess.run([sys.executable, "-c", "import os; print(os.environ['PROGRAM_PASSWORD'])"], check=True)
    journal = Journal(HydraConfig.get().runtime.output_dir)
    journal.log({f"acc of {token('METRIC_TOKEN')}": 1.0, "loss": 0.5}, 0)
    journal.event("hyperparameters", values={"login": token("HYPER_KEY"), "api_key": "canary-hyper-literal"})
    rows = {f"rows {token('SPLIT_TOKEN')}": 3}
    current_trial().log_dataset(f"set {token('DATA_TOKEN')}", f"digest {token('DIGEST_TOKEN')}", rows)
    current_trial().log_params({"login": {"token": token("PARAM_TOKEN"), "note": f"of {token('NESTED_TOKEN')}"}})
    current_trial().declare({f"best of {token('DECLARED_TOKEN')}": "max"})
    current_trial().report({f"now {token('REPORTED_TOKEN')}": 1.0}, 1)
    if token("MODEL_TOKEN"):
        model = current_trial().directory / "model"
        model.mkdir()
        (model / "MLmodel").write_text(f"flavors: {{}}\nmetadata: {{note: {token('MODEL_TOKEN')}}}\n")
        (model / "notes.txt").write_text(f"see {token('MODEL_TOKEN')}")
        current_trial().log_model(model)
    match cfg.x:
        case 2.0:
            where = "https://ann:canary-message-url@host/x?token=canary-message-query"
            raise RuntimeError(f"{cfg.read} {token('RAISED_SECRET')} {where} password=canary-message-pair")
        case 3.0:
            raise RuntimeError(f"{token('ODD_PASSWORD')} Authorization: Bearer canary-message-bearer")
        case 4.0:
            return f"text {token('RETURNED_TOKEN')}"
        case 5.0:
            os._exit(3)
        case 6.0:
            time.sleep(600)
    return cfg.x


if __name__ == "__main__":
    main()
