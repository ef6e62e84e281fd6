"""What trials had reported as they reached a rung, where several objectives are pruned by: Optuna keeps none of it."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from sweeps.study.schema import rungs
from sweeps.study.storage import Database


class Rungs:
    """The reports of one study at its rungs.

    Args:
        database: Where they are kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key

    def reach(self, number: int, rung: int, values: Sequence[float]) -> list[list[float]] | None:
        """Note that a trial has reached a rung.

        Args:
            number: The trial's.
            rung: As a step.
            values: What it has reported there.

        Returns:
            What the trials before it had; None where it was noted already, as by an attempt that was interrupted.
        """
        place = {"study_key": self._study_key, "number": number, "rung": rung}
        here = sa.select(rungs.c.number, rungs.c.reported)
        here = here.where(rungs.c.study_key == self._study_key, rungs.c.rung == rung)

        def note(connection: sa.Connection) -> list[list[float]] | None:
            there = connection.execute(here.order_by(rungs.c.number)).all()
            if any(row.number == number for row in there):
                return None
            connection.execute(sa.insert(rungs).values(**place, reported=json.dumps(list(values))))
            return [json.loads(row.reported) for row in there]

        return self._db.write(note)
