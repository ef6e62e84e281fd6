"""The points of a study as its rows keep them."""

import json
from typing import Any

from sweeps.space import Point


def point_of(row: Any) -> Point | None:
    """The point of a ledger row; None while a sampler has not drawn it."""
    if row.overrides is None:
        return None
    return Point(
        overrides=json.loads(row.overrides),
        varied=tuple(json.loads(row.varied or "[]")),
        identity=row.identity or "",
        cell=row.cell or "",
        role=row.role or "",
        also=json.loads(row.also or "{}"),
    )
