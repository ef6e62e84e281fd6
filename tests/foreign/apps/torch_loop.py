"""A training loop of plain torch: reports, can be pruned, and continues where a killed attempt has left off."""

import os
import signal
from pathlib import Path

import hydra
import torch
from hydra.core.config_store import ConfigStore

from sweeps import TrialPruned, current_trial

ConfigStore.instance().store(name="config", node={"lr": 0.1, "epochs": 5})


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg):
    trial = current_trial()
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), cfg.lr, momentum=0.9)
    first = 0
    if trial.checkpoint:
        kept = torch.load(trial.checkpoint)
        layer.load_state_dict(kept["layer"])
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["epoch"] + 1
    for epoch in range(first, cfg.epochs):
        loss = (layer(torch.ones(1, 2)) - 3).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        trial.report({"loss": loss.item()}, step=epoch)
        torch.save(
            {"layer": layer.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch},
            trial.directory / "last.pt",
        )
        if epoch == 2 and trial.is_in_study and trial.attempt == 1 and os.environ.get("KILLED"):
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.should_prune:
            raise TrialPruned
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.lr} {loss.item()}\n")
    return loss.item()


if __name__ == "__main__":
    main()
