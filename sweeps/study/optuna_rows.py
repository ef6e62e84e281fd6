"""Optuna's tables, where its interface takes one value at a time, or refuses a choice more on a known axis.

Its trials keep their parameters with a distribution each, and it takes no other choices for a key than those of the
study's first trial. So a study whose axis has grown gets the new distribution in every trial, in one transaction.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution

from sweeps.study.axes import Axes, Param, attribute

_trials = sa.table("trials", sa.column("trial_id"), sa.column("study_id"))
_params = sa.table("trial_params", *map(sa.column, ("trial_id", "param_name", "param_value", "distribution_json")))
_attributes = sa.table("trial_user_attributes", *map(sa.column, ("trial_id", "key", "value_json")))

_LONGEST_KEY = 512
"""What Optuna's columns hold."""


def refit(connection: sa.Connection, study_id: int, axes: Axes) -> None:
    """Give all trials of a study the parameters that its axes say; what an earlier version made of them, too."""
    of_study = sa.select(_trials.c.trial_id).where(_trials.c.study_id == study_id)
    for key, text, value in _found(connection, of_study, _params.c.distribution_json, _params.c.param_value):
        old = json_to_distribution(text)
        same = _params.c.param_name == key, _params.c.distribution_json == text, _params.c.param_value == value
        where = _params.c.trial_id.in_(of_study), *same
        if key in axes.values:
            new = axes.moved(key, old, old.to_external_repr(value))
            _replace(connection, key, where, new, old, value)
    names = _attributes.c.key.in_(list(axes.values))
    texts = connection.execute(
        sa.select(_attributes.c.key, _attributes.c.value_json)
        .where(_attributes.c.trial_id.in_(of_study), names)
        .distinct()
    )
    for key, text in texts.all():
        if isinstance(value := json.loads(text), str) and (new := axes.param(key, value)):
            _to_params(connection, key, text, of_study, new)


def put_attributes(connection: sa.Connection, trial_id: int, values: Mapping[str, Any]) -> None:
    """Set attributes of a trial in one statement each way; a repetition changes nothing."""
    kept = {key: json.dumps(value) for key, value in values.items() if len(key) <= _LONGEST_KEY}
    is_own = _attributes.c.trial_id == trial_id
    connection.execute(sa.delete(_attributes).where(is_own, _attributes.c.key.in_(list(kept))))
    if kept:
        lines = [{"trial_id": trial_id, "key": key, "value_json": text} for key, text in kept.items()]
        connection.execute(sa.insert(_attributes), lines)


def _found(connection: sa.Connection, of_study: Any, *columns: Any) -> Iterator[Any]:
    query = sa.select(_params.c.param_name, *columns).where(_params.c.trial_id.in_(of_study)).distinct()
    yield from connection.execute(query).all()


def _replace(
    connection: sa.Connection, key: str, where: Any, new: Param | None, old: BaseDistribution, value: float
) -> None:
    """Change the parameter of the trials that have it so, or make it an attribute."""
    if new is None:
        told = json.dumps(attribute(str(old.to_external_repr(value))))
        having = sa.select(_params.c.trial_id, sa.literal(key), sa.literal(told)).where(*where)
        ids = sa.select(_params.c.trial_id).where(*where)
        connection.execute(sa.delete(_attributes).where(_attributes.c.key == key, _attributes.c.trial_id.in_(ids)))
        connection.execute(sa.insert(_attributes).from_select(["trial_id", "key", "value_json"], having))
        connection.execute(sa.delete(_params).where(*where))
    elif new != (old, old.to_external_repr(value)):
        connection.execute(sa.update(_params).where(*where).values(_columns(new)))


def _to_params(connection: sa.Connection, key: str, text: str, of_study: Any, new: Param) -> None:
    """Make a parameter of an attribute, as which an earlier version kept text."""
    a = _attributes
    where = a.c.trial_id.in_(of_study), a.c.key == key, a.c.value_json == text
    columns = {"param_name": key, **_columns(new)}
    having = sa.select(a.c.trial_id, *map(sa.literal, columns.values())).where(*where)
    has_it = sa.select(_params.c.trial_id).where(_params.c.param_name == key)
    having = having.where(a.c.trial_id.not_in(has_it))
    connection.execute(sa.insert(_params).from_select(["trial_id", *columns], having))
    connection.execute(sa.delete(a).where(*where))


def _columns(new: Param) -> dict[str, Any]:
    distribution, value = new
    text = distribution_to_json(distribution)
    return {"param_value": float(distribution.to_internal_repr(value)), "distribution_json": text}
