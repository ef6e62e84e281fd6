"""Optuna's tables, where its interface takes one value at a time, or refuses a choice more on a known axis.

Its trials keep their parameters with a distribution each, and it takes no other choices for a key than those of the
study's first trial. So a study whose axis has grown gets the new distribution in every trial, in one transaction.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy.orm import Session

from sweeps.study.axes import Axes, Param, attribute
from sweeps.study.optuna_trials import Final

_trials = sa.table("trials", sa.column("trial_id"), sa.column("study_id"))
_params = sa.table("trial_params", *map(sa.column, ("trial_id", "param_name", "param_value", "distribution_json")))
_attributes = sa.table("trial_user_attributes", *map(sa.column, ("trial_id", "key", "value_json")))

_LONGEST_KEY = 512
"""What Optuna's columns hold."""


class EndedTrial(NamedTuple):
    """A trial as it has ended.

    Attributes:
        trial: Its parameters and attributes.
        final: Its state, values and further attributes.
        began: When its last attempt began, by the clock of this machine; None where nobody knows.
        ended: When it ended.
        reports: Step to intermediate value.
    """

    trial: FrozenTrial
    final: Final
    began: datetime | None
    ended: datetime | None
    reports: Mapping[int, float]


def add_trials(connection: sa.Connection, study_id: int, ended: Sequence[EndedTrial]) -> list[int]:
    """Make trials that have ended; returns their ids. Optuna's interface makes one at a time, in eight statements."""
    with Session(bind=connection, join_transaction_mode="rollback_only") as session:
        models.StudyModel.find_or_raise_by_id(study_id, session, for_update=True)  # as Optuna: it counts the trials
        before = session.query(models.TrialModel).filter(models.TrialModel.study_id == study_id).count()
        made = [
            models.TrialModel(
                study_id=study_id,
                number=number,
                state=one.final.state,
                datetime_start=one.began,
                datetime_complete=one.ended,
            )
            for number, one in enumerate(ended, before)
        ]
        session.add_all(made)
        session.flush()
        ids = [int(trial.trial_id) for trial in made]
        for trial_id, one in zip(ids, ended, strict=True):
            session.add_all(_parts(trial_id, one))
        session.flush()
        return ids


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


def _parts(trial_id: int, one: EndedTrial) -> Iterator[Any]:
    """What Optuna's tables hold of a trial beside its own row."""
    for key, value in one.trial.params.items():
        yield models.TrialParamModel(
            trial_id=trial_id, param_name=key, **_columns((one.trial.distributions[key], value))
        )
    for key, told in {**one.trial.user_attrs, **one.final.attributes}.items():
        if len(key) <= _LONGEST_KEY:
            yield models.TrialUserAttributeModel(trial_id=trial_id, key=key, value_json=json.dumps(told))
    for objective, number in enumerate(one.final.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(number)
        yield models.TrialValueModel(trial_id=trial_id, objective=objective, value=stored, value_type=kind)
    for step, number in one.reports.items():
        stored, of_step = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(number)
        yield models.TrialIntermediateValueModel(
            trial_id=trial_id, step=step, intermediate_value=stored, intermediate_value_type=of_step
        )


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
