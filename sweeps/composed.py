"""What a command asks for, composed: its points with their identities, and what they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from omegaconf import OmegaConf

from sweeps.asked import Asked
from sweeps.errors import pass_on_end
from sweeps.identity.composition import compose
from sweeps.identity.fingerprint import UNFIT, Compose, Fingerprints
from sweeps.identity.provenance import Provenance
from sweeps.identity.snapshot import Snapshot
from sweeps.identity.sources import Sources
from sweeps.own_keys import own_keys
from sweeps.plan import Plan
from sweeps.space import Point
from sweeps.worker.order import fingerprints, trial_overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The points of a command, and what its trials are composed from.

    Attributes:
        plan: The command line.
        points: The distinct points of a grid; empty where a sampler draws them.
        num_points: Trials that the command asks for.
        fingerprints: Gives points their identity.
        identity: Tells the application apart from others.
        provenance: What the trials are composed from.
        snapshot: What was read of the configuration files.
    """

    plan: Plan
    points: Sequence[Point]
    num_points: int
    fingerprints: Fingerprints
    identity: str
    provenance: Provenance
    snapshot: Snapshot

    @classmethod
    def of(cls, asked: Asked, plan: Plan, before: Provenance | None) -> Self:
        """Compose the points of a command.

        Args:
            asked: The command.
            plan: What is made of its line.
            before: What the study was made of, where there is one.
        """
        config, program, snapshot = asked.config, asked.program, asked.snapshot
        composing = partial(compose, asked.context.config_loader, config)
        is_same = before is not None and program.is_same(before.program)
        identity = before.program.identity if before and is_same else program.identity
        made = fingerprints(config, plan.space, composing, snapshot, plan.settings.seed_key, identity)
        grid = made.distinct(plan.space.grid()) if plan.is_grid else []
        num_points = min(len(grid), plan.num_points) if plan.is_grid else plan.num_points
        base = _base(asked, plan, composing)
        return cls(
            plan=plan,
            points=grid[:num_points],
            num_points=num_points,
            fingerprints=made,
            identity=identity,
            provenance=Provenance.of(program, config, base, snapshot.digests()),
            snapshot=snapshot,
        )

    @property
    def sources(self) -> Sources:
        """The files that the study keeps of what its trials are composed from."""
        return self.snapshot.sources()


def _base(asked: Asked, plan: Plan, composing: Compose) -> dict[str, Any]:
    """The application's own configuration without the overrides of any point; empty where it does not compose so."""
    try:
        composed = composing(list(trial_overrides(plan.space, [])))
    except UNFIT as error:
        pass_on_end(error)
        return {}
    ours = own_keys(asked.config).operational
    plain = OmegaConf.to_container(composed, resolve=False)
    return {str(key): value for key, value in plain.items() if key not in ours}  # type: ignore[union-attr]
