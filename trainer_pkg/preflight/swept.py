"""What only shows when the configurations of a sweep are seen together."""

import sys
from typing import Any

from omegaconf import DictConfig, OmegaConf

_WEIGHTED = ("train/loss", "val/loss", "test/loss")
_SCORES = ("val/score", "val/score_best")


class SweptWeights:
    """Warns, once, of an objective that is no measure for the comparison of trials with other loss weights."""

    def __init__(self) -> None:
        self._weights: list[dict[str, Any]] = []
        self._rules: set[str] = set()
        self._told: set[str] = set()

    def look(self, cfg: DictConfig) -> None:
        """Compare a configuration with those before it."""
        given = OmegaConf.select(cfg, "model.loss_weights")
        weights = OmegaConf.to_container(given, resolve=True) if OmegaConf.is_config(given) else {}
        self._weights.append(dict(weights))  # type: ignore[arg-type]
        self._rules.add(OmegaConf.select(cfg, "model.select") or "auto")
        asked = OmegaConf.select(cfg, "study.objective") or []
        for objective in [asked] if isinstance(asked, str) else asked:
            why = self._why_not(objective)
            if why and objective not in self._told:
                self._told.add(objective)
                print(f"Warning: study.objective={objective}: {why}", file=sys.stderr)

    def _why_not(self, objective: str) -> str | None:
        first = self._weights[0]
        if objective in _WEIGHTED and any(weights != first for weights in self._weights):
            return (
                "model.loss_weights is swept, and this loss is the sum of weight times loss: the smallest weights win"
                " by their size. val/score_best does not depend on the weights."
            )
        untrained = [{head for head, weight in weights.items() if weight == 0} for weights in self._weights]
        if objective in _SCORES and any(heads != untrained[0] for heads in untrained) and "auto" in self._rules:
            return (
                "model.loss_weights is 0 for other heads in some trials than in others, and this score is of the"
                " trained heads: compare it only between trials that train the same heads. model.select=mean scores"
                " all heads."
            )
        return None
