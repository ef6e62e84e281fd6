"""The points of a loss-weight study: `study=loss_weights`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from trainer_pkg.data.labels import Labels
from trainer_pkg.data.source import Source
from trainer_pkg.errors import ConfigError
from trainer_pkg.weightings.front import Result, between, front
from trainer_pkg.weightings.vectors import Dirichlet, Vector, Weighting, scaled

_KEY = "model.loss_weights"
_MEASURES = ("acc", "mae", "loss")


class LossWeights:
    """Baselines, balancers and weightings, each a mapping of override keys to values with its `_role_`.

    A baseline trains one head alone, or all with equal or with random weights. Whatever is not typed sums to the number
    of heads: a head that is trained alone has that weight, and each of equal weights is 1.

    Args:
        source: Where the images of the data set come from; it says which heads there are, and no image is read.
        labels: Makes more heads; None: the source's alone.
        heads: Names of the heads in their order instead of those.
        single_tasks: Whether each head is trained alone.
        equal: Whether all heads are trained with weight 1.
        num_random: Baselines with random weights, uniform over all shares.
        seed: Of the random weights.
        weighting: The weights to compare; None: no others.
        vectors: Weights that somebody has typed, one per head, as they are. They take the place of random
            weights and weighting.
        balancers: Names of `model/balancer`, each trained with equal weights.

    Raises:
        ConfigError: There are not two heads, or a typed vector does not fit them.

    Example:
        >>> points = list(LossWeights(heads=["digit", "thickness"], balancers=["uw"], vectors=[[1, 0.5]]))
        >>> points[0]
        {'model.loss_weights.digit': 2.0, 'model.loss_weights.thickness': 0.0, '_role_': 'baseline'}
        >>> points[3]["_role_"], points[3]["model/balancer"]
        ('balancer', 'uw')
        >>> points[4]
        {'model.loss_weights.digit': 1.0, 'model.loss_weights.thickness': 0.5, '_role_': 'weighting'}
    """

    def __init__(
        self,
        *,
        source: Source | None = None,
        labels: Labels | None = None,
        heads: Sequence[str] | None = None,
        single_tasks: bool = True,
        equal: bool = True,
        num_random: int = 2,
        seed: int = 0,
        weighting: Weighting | None = None,
        vectors: Sequence[Sequence[float]] | None = None,
        balancers: Sequence[str] = (),
    ) -> None:
        known = [*(source.spec.targets if source else ()), *(labels.targets if labels else ())]
        self._heads = list(known if heads is None else heads)
        if len(self._heads) < 2:
            raise ConfigError(
                f"the heads are {self._heads}, so there is nothing to weigh. Where data= is swept, name the heads:"
                " study.points.heads=[a,b]."
            )
        self._check(vectors or ())
        self._has_single_tasks, self._has_equal = single_tasks, equal
        self._num_random, self._seed = num_random, seed
        self._weighting, self._vectors, self._balancers = weighting, vectors, list(balancers)

    @property
    def note(self) -> str:
        """What is to be known of all points."""
        typed = "; typed ones are as typed" if self._vectors is not None else ""
        heads = f"{len(self._heads)}, the number of heads ({', '.join(self._heads)})"
        return f"Note: each vector of weights sums to {heads}{typed}."

    def __iter__(self) -> Iterator[dict[str, Any]]:
        num = len(self._heads)
        equal = (1.0,) * num
        for vector in self._baselines(equal):
            yield self._point(vector, "baseline")
        for name in self._balancers:
            yield {**self._point(equal, "balancer"), "model/balancer": name}
        made = self._weighting.vectors(num) if self._weighting is not None else ()
        weightings: Iterable[Sequence[float]] = made if self._vectors is None else self._vectors
        for weights in weightings:
            yield self._point(weights, "weighting")

    def refine(
        self, results: Sequence[Mapping[str, Any]], directions: Mapping[str, str], num: int
    ) -> list[dict[str, Any]]:
        """More weightings, where the front of the heads' validation metrics is sparse.

        Args:
            results: Per cell `point` (key to value), `others` (the same of what else varies), `role` and `metrics`.
            directions: Metric name to `max` or `min`.
            num: How many.
        """
        measures = [self._measure(head, results, directions) for head in self._heads]
        groups: dict[str, list[Result]] = {}
        for result in results:
            vector, metrics = self._vector(result["point"]), result["metrics"]
            if vector is not None and result["role"] != "balancer" and metrics.keys() >= set(measures):
                scores = tuple(metrics[name] if directions[name] == "max" else -metrics[name] for name in measures)
                groups.setdefault(repr(sorted(result["others"].items())), []).append((vector, scores))
        known = [vector for group in groups.values() for vector, _ in group]
        return [self._point(vector, "weighting") for vector in between([front(g) for g in groups.values()], num, known)]

    def _baselines(self, equal: Vector) -> Iterator[Vector]:
        num = len(self._heads)
        if self._has_single_tasks:
            yield from (tuple(float(num) if i == own else 0.0 for i in range(num)) for own in range(num))
        if self._has_equal:
            yield equal
        if self._num_random and self._vectors is None:
            yield from Dirichlet(self._num_random, seed=self._seed).vectors(num)

    def _point(self, vector: Sequence[float], role: str) -> dict[str, Any]:
        weights = zip(self._heads, vector, strict=True)
        return {**{f"{_KEY}.{head}": float(weight) for head, weight in weights}, "_role_": role}

    def _vector(self, point: Mapping[str, Any]) -> Vector | None:
        """The weights of a point, scaled as all are; None where it lacks one."""
        weights = [point.get(f"{_KEY}.{head}") for head in self._heads]
        return scaled(weights) if all(isinstance(weight, int | float) for weight in weights) else None  # type: ignore[arg-type]

    def _measure(self, head: str, results: Sequence[Mapping[str, Any]], directions: Mapping[str, str]) -> str:
        """The head's validation metric. A trial that does not train the head may lack it."""
        names = [f"val/{head}_{measure}" for measure in _MEASURES]
        found = (name for name in names if name in directions and any(name in each["metrics"] for each in results))
        name = next(found, None)
        if name is None:
            raise ConfigError(f"{head} has none of the metrics {', '.join(names)}.")
        return name

    def _check(self, vectors: Sequence[Sequence[float]]) -> None:
        for vector in vectors:
            told = f"vectors: {vector} must be one weight per head: {', '.join(self._heads)}."
            if isinstance(vector, str) or not hasattr(vector, "__len__") or len(vector) != len(self._heads):
                raise ConfigError(told)
            if not all(isinstance(weight, int | float) and 0 <= weight < math.inf for weight in vector):
                raise ConfigError(f"vectors: {vector} must hold finite numbers of at least 0.")
