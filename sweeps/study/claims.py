"""Hands out the points of a study, and takes back what became of them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.pruners import BasePruner, WilcoxonPruner

from sweeps import outcome as outcomes
from sweeps.errors import StorageLost, StudyError
from sweeps.outcome import Outcome, Pruned
from sweeps.space import Point
from sweeps.study.additions import is_of
from sweeps.study.bundles import Bundles
from sweeps.study.drawn_rows import DrawnRows
from sweeps.study.events import Note
from sweeps.study.judge import Judge
from sweeps.study.ledger import Ledger
from sweeps.study.mirror import Mirror
from sweeps.study.moasha import MoAsha
from sweeps.study.paired import Paired
from sweeps.study.records import Claim, claim_of, point_of
from sweeps.study.requeue import Ending, Finish, Requeue, decide, was_pruned
from sweeps.study.rungs import Rungs
from sweeps.study.schema import rows
from sweeps.study.sight import Sight
from sweeps.study.skipping import Skipping
from sweeps.study.storage import Database
from sweeps.study.together import Together
from sweeps.study.will import Look, Will
from sweeps.trial.files import TrialFiles

if TYPE_CHECKING:
    from sqlalchemy import Insert

    from sweeps.study.draws import Draws

Pruner = BasePruner | MoAsha


class Claims:
    """What a worker needs of a study; `Study` has the rest.

    Args:
        database: Where the study is kept.
        name: Its name there.
        study: Optuna's view of it.
    """

    def __init__(self, database: Database, name: str, study: optuna.Study) -> None:
        self.database, self.name, self._optuna = database, name, study
        self.facts: dict[str, Any] = database.patiently(lambda: study.user_attrs)
        self.configuration: int | None = None
        """Which of the study's configurations this process runs; it takes and adds trials of that one. None: any."""
        key = self.facts.get("key", "")  # a study that Optuna alone has made has none, and none of our rows
        self._ledger, self._drawn_rows = Ledger(database, key), DrawnRows(database, key)
        self._mirror = Mirror(database, study, self._ledger)
        self.bundles, self.will = Bundles(database, key), Will(database, key)
        self.sight = Sight(database, key, self.will)
        self.together = Together(self._ledger)
        self.skipping = Skipping(self._ledger, self._mirror)
        self._has_had_points = False
        ways, rungs = [way.name.lower() for way in study.directions], Rungs(database, key)
        self._judge = Judge(self._mirror, rungs, self.objectives, ways)
        self._paired: Paired | None = None

    @property
    def objectives(self) -> tuple[str, ...]:
        """Metric names that the study optimises; empty where the application gives values without a name."""
        return tuple(self.facts.get("objective") or ())

    def look(self) -> Look:
        """How far the study is, as to points of the configuration of this process, and what its workers are to do.

        Raises:
            StorageLost: The study has points no more: somebody has deleted it.
        """
        found = self.sight.now or self.will.look(self.configuration)
        if self._has_had_points and not found.is_there:
            raise StorageLost(f"Study {self.name!r} was deleted while it was in use.")
        self._has_had_points = found.is_there
        return found

    def is_finished(self) -> bool:
        """Whether every point has ended that is of the configuration of this process."""
        return self.look().is_finished

    def is_at_rest(self) -> bool:
        """Whether nothing runs, and nothing is to be started: the study is finished, was stopped, or is at a limit."""
        return self.look().is_at_rest

    def use(self, pruner: Pruner, by: Mapping[str, str] | None = None, *, is_mixed: bool = False) -> None:
        """Set what stops trials; without it no trial is stopped.

        Args:
            pruner: One of Optuna's, or of ours.
            by: Metric that trials report, to `minimize` or `maximize`; None: the objectives.
            is_mixed: Whether points are taken in an order as if drawn: a pruner compares with what came before.
        """
        self._ledger.is_mixed = is_mixed
        if isinstance(pruner, WilcoxonPruner):
            way = self._optuna.directions[0].name.lower()
            self._paired = Paired(self._ledger, pruner, way, self.facts.get("seed_key", "seed"))
        elif isinstance(pruner, MoAsha):
            self._judge.use(pruner, by)
        else:
            self._optuna.pruner = pruner
            self._judge.use(None, by)

    def claim(self, worker: str, draw: "Draws | None", only: int | None = None) -> Claim | None:
        """Take the next open point that is to be run; None when all are running or done, or nothing is to start.

        Args:
            worker: Who takes it.
            draw: Asks the sampler for a point; needed where the study has points to draw.
            only: Number of the one trial that is wanted; None: any.
        """
        while claim := self._claimed(worker, draw, only):
            why = self._paired.why_not(claim, self.configuration) if self._paired else None
            if why is None:
                return claim
            self.tell(claim, Pruned(why=why))
        return None

    def _claimed(self, worker: str, draw: "Draws | None", only: int | None = None) -> Claim | None:
        row = self._ledger.take(worker, self.configuration, only)
        if row is None:
            return None
        point = point_of(row) or self._drawn(row, draw)
        if point is None:
            return None
        trial_id = row.trial_id
        if trial_id is None and self._mirror.is_read:
            trial_id = self._mirror.start(point)
        claim = claim_of(row, trial_id, point, self._ledger.history.num_restarts(row.number) if row.attempt > 1 else 0)
        if trial_id == row.trial_id:
            return claim
        # A worker that dies before this line leaves a row that beats no more, which is reaped, and an Optuna trial
        # that no row knows, which `reconcile` fails.
        return claim if self._ledger.change(claim, {"trial_id": trial_id}) else None

    def _drawn(self, row: Any, draws: "Draws | None") -> Point | None:
        """The point of a row that had none when it was taken; None where the space has no other, or it is lost."""
        if draws is None:
            raise StudyError(f"Study {self.name!r} draws its points from a sampler; start it with its own line.")
        directions, mine = self._optuna.directions, is_of(self.configuration)
        return self._drawn_rows.agreed(
            row, lambda: draws.draw(directions, self._ledger.rows(mine), row.draw), self.configuration
        )

    def beat(self, claim: Claim, progress: Mapping[str, Any]) -> bool:
        """Say that the trial runs; False when the claim is no longer ours and the trial has to stop."""
        return self._ledger.beat(claim, json.dumps(progress))

    def should_prune(self, claim: Claim, reports: Mapping[str, float], step: int) -> bool:
        """Give the pruner what a trial has reported; whether the trial should stop.

        Args:
            claim: The trial.
            reports: Metric name to value.
            step: Epoch, or whatever the trial counts.
        """
        return self._judge.should_stop(claim, reports, step)

    def silence(self, claim: Claim, reported: Mapping[str, float]) -> str | None:
        """As `Judge.silence`, of a trial that has ended."""
        # A later attempt may have had nothing left to report.
        return self._judge.silence(claim.number, reported) if claim.attempt == 1 else None

    def go_on(self, number: int, why: str) -> bool:
        """Hand out a trial that was pruned once more, from its checkpoint; False where there is no such trial.

        Args:
            number: The trial's. No pruner stops it then.
            why: Who wants that.
        """
        note = Note(what="reopened", why=why)
        found = [row for row in self._ledger.rows(rows.c.number == number) if was_pruned(row)]
        return bool(found) and self._ledger.reopen(found[0], note, spared=1)

    def settle(
        self, claim: Claim, ending: Ending, spent_s: float, max_retries: int, files: TrialFiles | None = None
    ) -> Finish | Requeue | None:
        """Record what becomes of a trial whose attempt is over.

        Args:
            claim: The trial.
            ending: How the attempt ended.
            spent_s: Its wall time.
            max_retries: Further attempts that a trial gets after failures of its own.
            files: The trial's files; where it has ended, they are kept for other machines.

        Returns:
            What was decided; None when the claim is no longer ours and nothing was taken from us.
        """
        decision = decide(ending, claim.attempt, max_retries - claim.retries)
        match decision:
            case Finish(outcome=outcome):
                left = self.bundles.made(claim.number, claim.attempt, files) if files is not None else None
                is_taken = self.tell(claim, outcome, left)
            case Requeue():
                is_taken = self.give_back(claim, spent_s, decision)
        return decision if is_taken else None

    def tell(self, claim: Claim, outcome: Outcome, left: "Insert | None" = None) -> bool:
        """Record how the trial ended, with what it left; False: the claim is no longer ours, the result is refused."""
        text, note = outcomes.to_json(outcome), Note(what="finished", why=outcomes.summary(outcome))
        is_taken = self._ledger.change(claim, {"state": "done", "outcome": text}, note, left)
        if not is_taken and not self._ledger.has_outcome(claim, text):
            why = f"its lease was lost before its result came ({note.why})"
            self._ledger.note(claim, Note(what="refused", why=why))
            return False
        self._mirror.end(claim.id, claim.trial_id, outcome)
        return True

    def mirror(self) -> None:
        """Bring Optuna's tables up to date with the trials that have ended."""
        self._mirror.catch_up()

    def give_back(self, claim: Claim, spent_s: float, again: Requeue) -> bool:
        """Let any worker continue the trial; False when the claim is no longer ours."""
        due_at = self.database.now + again.pause_s if again.pause_s else None
        values: dict[str, Any] = {"state": "open", "worker": None, "beat_at": due_at}
        values["spent_s"] = claim.spent_s + spent_s
        if again.counts:
            values["retries"] = rows.c.retries + 1
        return self._ledger.change(claim, values, Note(what=again.what, why=again.reason))

    def ended_rows(self) -> Sequence[Any]:
        """Rows that have ended with today's configuration: what another study's sampler learns from."""
        found = self._ledger.rows()
        today = max((row.configuration for row in found if row.configuration is not None), default=None)
        return [row for row in found if row.state == "done" and row.configuration in (None, today)]

    def check_idle(self) -> None:
        """Refuse to go on while somebody works on the study.

        Raises:
            StudyError: With the trial, and who runs it.
        """
        for row in self._ledger.held_rows():
            raise StudyError(
                f"Study {self.name!r}: trial {row.number} is running in worker {row.worker}. Stop that worker first."
            )

    def reap(self, lease_s: float, by: str) -> list[int]:
        """Reopen the trials of workers that are gone, as `Ledger.reap` says; returns their numbers."""
        return self._ledger.reap(lease_s, by, self.sight.running)
