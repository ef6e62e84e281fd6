"""What a study wants of its workers, how far it is, and what it has used: one look is one query."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sweeps.study.additions import is_of
from sweeps.study.schema import rows, studies
from sweeps.study.storage import Database

Wish = Literal[
    "run",
    "pause",  # hand back, start nothing, and wait
    "end",  # let what runs end, start nothing more, and go
    "stop",  # hand back, and go
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A study at one moment.

    Attributes:
        open: Points of one configuration that nobody runs yet.
        running: Those that somebody runs.
        done: Those that have ended.
        skipped: Those that are not to be run.
        held: Trials of any configuration that somebody runs.
        is_there: Whether the study has a point of any configuration.
        wanted: What its workers are to do.
        why: Who or what wants that.
        at: Since when, in seconds since the epoch by the database's clock.
        worked_s: Time in which any trial has run.
        core_s: Time that trials have held a core, summed over the cores.
        gpu_s: The same of GPUs.
        limits: The limits of the study as the latest command has set them.
    """

    open: int = 0
    running: int = 0
    done: int = 0
    skipped: int = 0
    held: int = 0
    is_there: bool = False
    wanted: Wish = "run"
    why: str = ""
    at: float = 0.0
    worked_s: float = 0.0
    core_s: float = 0.0
    gpu_s: float = 0.0
    limits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether every point has ended."""
        return self.open == self.running == 0

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing runs, and no worker is to start anything."""
        return self.running == 0 and (self.open == 0 or self.wanted in ("end", "stop"))


class Will:
    """The row of one study in `sweeps_studies`; a study without one just runs.

    Args:
        database: Where it is kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key

    def look(self, configuration: int | None) -> Look:
        """How the study is now.

        Args:
            configuration: The configuration whose points count; None: all.
        """

        def read() -> Look:
            with self._db.engine.connect() as connection:
                return self.read(connection, configuration)

        return self._db.patiently(read)

    def read(self, connection: sa.Connection, configuration: int | None) -> Look:
        """As `look`, once, by a connection of the caller's."""
        own = sa.func.sum(sa.case((is_of(configuration), 1), else_=0)).label("own")
        of_study = rows.c.study_key == self._study_key
        counted = (
            sa.select(rows.c.state, own, sa.func.count().label("n")).where(of_study).group_by(rows.c.state).subquery()
        )
        query = sa.select(counted, studies).join_from(
            counted, studies, studies.c.study_key == self._study_key, isouter=True
        )
        return _look(connection.execute(query).all())

    def want(self, wanted: Wish, why: str, *, only_if: Wish | None = None) -> bool:
        """Write what the workers are to do; False where the study wants something else than `only_if`, or that already.

        Args:
            wanted: What they are to do.
            why: Who or what wants that.
            only_if: What the study must want so far; None: anything.
        """
        condition = studies.c.wanted != wanted if only_if is None else studies.c.wanted == only_if
        values = {"wanted": wanted, "why": why, "at": self._db.now}
        return self._change(values, condition)

    def restate(self, wanted: Wish, why: str) -> None:
        """Write what the workers are to do and why, also where they are to do that already for another reason."""
        self._change({"wanted": wanted, "why": why, "at": self._db.now}, studies.c.why != why)

    def set_limits(self, limits: Mapping[str, Any]) -> None:
        """Keep the limits of the study; those of an earlier command go."""
        self._change({"limits": json.dumps(dict(limits))}, sa.true())

    def announce(self, what: str) -> bool:
        """Note that somebody is told of this end of the study; False where somebody was told of it already."""
        is_new = sa.or_(studies.c.announced.is_(None), studies.c.announced != what)
        return self._change({"announced": what}, is_new)

    def add_used(self, worked_s: float, core_s: float, gpu_s: float) -> None:
        """Add what trials of one worker have used until now.

        Args:
            worked_s: Time in which any of them has run; what another worker has told already counts once.
            core_s: Time that they have held a core.
            gpu_s: The same of GPUs.
        """
        new_s = self._db.now - sa.func.coalesce(studies.c.worked_at, 0.0)
        new_s = sa.case((new_s < 0, 0.0), (new_s < worked_s, new_s), else_=worked_s)
        used: dict[str, Any] = {"worked_s": studies.c.worked_s + new_s, "worked_at": self._db.now}
        used |= {"core_s": studies.c.core_s + core_s, "gpu_s": studies.c.gpu_s + gpu_s}
        self._change(used, sa.true())

    def _change(self, values: Mapping[str, Any], condition: sa.ColumnElement[bool]) -> bool:
        usual = {"study_key": self._study_key, "wanted": "run", "why": "", "at": 0.0}
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        update = sa.update(studies).where(studies.c.study_key == self._study_key, condition).values(**values)

        def change(connection: sa.Connection) -> bool:
            connection.execute(insert(studies).values(**usual).on_conflict_do_nothing())
            return connection.execute(update).rowcount == 1

        return self._db.write(change)


def runs(study_key: str) -> sa.ColumnElement[bool]:
    """Whether the workers of a study may start a trial: part of the statement that claims one."""
    halted = sa.select(studies.c.study_key).where(studies.c.study_key == study_key, studies.c.wanted != "run")
    return sa.not_(sa.exists(halted))


def _look(found: Any) -> Look:
    if not found:
        return Look()
    own, held = {row.state: int(row.own) for row in found}, sum(row.n for row in found if row.state == "running")
    states = {state: own.get(state, 0) for state in ("open", "running", "done", "skipped")}
    row = found[0]
    here = Look(**states, held=held, is_there=True)  # type: ignore[arg-type]
    if row.study_key is None:  # nobody has ever wanted anything of it
        return here
    told = {name: getattr(row, name) for name in ("wanted", "why", "at", "worked_s", "core_s", "gpu_s")}
    return replace(here, **told, limits=json.loads(row.limits or "{}"))
