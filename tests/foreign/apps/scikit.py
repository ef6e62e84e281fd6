"""A scikit-learn script: cross validation of whatever classifier the configuration names."""

from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score

TREE = {"_target_": "sklearn.tree.DecisionTreeClassifier", "max_depth": 2, "random_state": 0}
NEAREST = {"_target_": "sklearn.neighbors.KNeighborsClassifier", "n_neighbors": 3}
STORE = ConfigStore.instance()
STORE.store(name="config", node={"defaults": [{"model": "tree"}, "_self_"], "folds": 3})
STORE.store(group="model", name="tree", node=TREE)
STORE.store(group="model", name="nearest", node=NEAREST)


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg):
    scores = cross_val_score(hydra.utils.instantiate(cfg.model), *load_iris(return_X_y=True), cv=cfg.folds)
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.model._target_} {cfg.folds} {scores.mean()}\n")
    return {"accuracy": scores.mean(), "worst": scores.min()}


if __name__ == "__main__":
    main()
