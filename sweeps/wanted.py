"""The points that a command asks for, and what a study already has of them."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sweeps.command import started_by
from sweeps.composed import Composed
from sweeps.display import print_preview
from sweeps.errors import StudyError
from sweeps.identity.program import Program
from sweeps.identity.provenance import Provenance
from sweeps.output import counted
from sweeps.plan import Plan
from sweeps.ran import Files, files_now
from sweeps.report.codes import told_files
from sweeps.report.lines import numbered
from sweeps.report.ratios import ratio_lines
from sweeps.space import Point
from sweeps.study.additions import draws
from sweeps.study.codes import FACT
from sweeps.study.configurations import Comparison
from sweeps.study.sampling import distributions_of
from sweeps.study.seen import Seen
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles

_SEEN = "code_seen"


class Wanted(Composed):
    """What a command asks for, and what becomes of a study that has some of it."""

    __slots__ = ()

    def is_in(self, study: Study) -> bool:
        """Whether a study has everything that is asked for."""
        found = study.compare(self.fingerprints.of)
        if not self.plan.is_grid:
            return not self._lacking(found)
        return {point.identity for point in self.points} <= found.identities

    def _drawn_in(self, study: Study | None) -> tuple[frozenset[int], int]:
        """Numbers of the trials that a search has drawn, and how many are to come."""
        if study is None or self.plan.is_grid:
            return frozenset(), self.num_points
        found, seen = study.compare(self.fingerprints.of), self._seen()
        ours = (row.row.number for row in found.rows if row.is_same and row.point and seen.again(row.point))
        return frozenset(ours), len(self._lacking(found)) + sum(row.is_same and row.point is None for row in found.rows)

    def _lacking(self, found: Comparison) -> Sequence[Any]:
        """The rows that a search lacks."""
        lacking = draws(self.plan.num_draws, self.plan.num_seeds, None, self._seen().of_draw)
        return lacking([row.row for row in found.rows if row.is_same])

    def _seen(self) -> Seen:
        return Seen(self.plan.space, distributions_of(self.plan.space), self.fingerprints.of)

    def preview(self, study: Study | None, fused: Callable[[Sequence[tuple[int, Point]]], list[str]]) -> None:
        """List the trials, and what there is to say of them.

        Args:
            study: The study, where there is one.
            fused: Says which of these trials, each its number and point, would share a process.
        """
        plan = self.plan
        notes = ratio_lines(self.points, plan.settings.mappings_of_ratios, plan.settings.seed_key)
        told = [plan.given.note if plan.given else "", *notes, plan.cut]
        drawn = self._drawn_in(study)
        listed = numbered(self.points, study.trials() if study else [])
        groups = fused([(number, point) for number, state, point in listed if state in ("new", "open")])
        print_preview(plan.name, self.points, study, self.num_points, [*filter(None, told), *groups], drawn)

    def announce(self, study: Study) -> None:
        """Say what has changed since the study's last command, and what that means.

        Raises:
            StudyError: Something has, and that is not to be.
        """
        before = provenance_of(study)
        found = study.compare(self.fingerprints.of)
        if found.is_changed and found.before is not None:
            self._announce_change(study, found, self.provenance.changes_since(before) if before else "something")
        if before is None or self.plan.settings.preview:
            return
        code = self._changed_code(study, before)
        if drift := ", ".join(filter(None, (code, *self.provenance.libraries_since(before)))):
            if os.environ.get("SWEEPS_STORED_COMMAND") and not self.plan.settings.allow_drift:
                raise StudyError(
                    f"Study {study.name!r} runs other code than this machine has: {drift}. Make them equal, or allow"
                    " it: study.allow_drift=true, `sweeps worker --allow-drift`."
                )
            sys.stderr.write(f"Warning: the code has changed since this study's last command: {drift}.\n")

    def _changed_code(self, study: Study, before: Provenance) -> str:
        """Which code is not that of the study's last command: of what its trials have imported, if that is known."""
        known = _code_of(study)
        if not known:
            return self.provenance.code_changes_since(before) or ""
        now = files_now(self.provenance.program.root, known)
        return told_files(name for name, digest in now.items() if known[name] != digest)

    def _announce_change(self, study: Study, found: Comparison, changes: str) -> None:
        if os.environ.get("SWEEPS_STORED_COMMAND"):
            line = " ".join(study.facts.get("arguments") or [])
            raise StudyError(
                f"Study {study.name!r} has another configuration than this machine composes ({changes}). Make them"
                f" equal, or start its own line here, which trains its points anew: -m {line}"
            )
        if self.plan.settings.on_change == "refuse":
            raise StudyError(
                f"study.on_change=refuse: the configuration of study {study.name!r} has changed ({changes})."
                " Undo that, or use another study.name."
            )
        num_old, num_new = len(found.outdated), sum(point.identity not in found.identities for point in self.points)
        are = "is" if num_new == 1 else "are"
        new = f"; {counted(num_new, 'point')} {are} to be trained with the new one" if self.plan.is_grid else ""
        old, stay = (
            counted(num_old, "trial"),
            ("is", "it stays", "it") if num_old == 1 else ("are", "they stay", "them"),
        )
        sys.stderr.write(
            f"Study {study.name}: the configuration has changed ({changes}). {old} {stay[0]} of the one"
            f" before: {stay[1]}, and tables leave {stay[2]} out{new}.\n"
        )

    def add_to(self, study: Study) -> None:
        """Hand out the points that the study does not have."""
        with study.database.lock("configurations"):
            study.configure(study.compare(self.fingerprints.of))
            if self.plan.is_grid:
                study.add(self.points)
            else:
                plan, of_draw = self.plan, self._seen().of_draw
                study.add_draws(plan.num_draws, distributions_of(plan.space), plan.num_seeds, of_draw)
            if os.environ.get("SWEEPS_STORED_COMMAND") and provenance_of(study):
                return  # its files are copies of those that the study keeps
            facts = self.provenance.as_facts()
            study.remember("provenance", facts)
            seen = files_now(facts["program"]["root"], _code_of(study))
            if seen and seen != study.facts.get(_SEEN):
                study.remember(_SEEN, seen)
            study.sources.keep(study.configuration or 0, self.sources)
            study.remember(f"configuration_{study.configuration}", {"digest": facts["digest"]})


def _code_of(study: Study) -> Files:
    """The files that trials have imported, as the study's last command has seen them."""
    each = [files for key, files in study.facts.items() if key.startswith(FACT)]
    return {name: digest for files in (*each, study.facts.get(_SEEN) or {}) for name, digest in files.items()}


def provenance_of(study: Study | None) -> Provenance | None:
    """What a study was made of; None for one of an earlier version."""
    facts = study.facts.get("provenance") if study is not None else None
    return Provenance.from_facts(facts) if facts else None


def named_as_before(plan: Plan, program: Program, task: str, database: Database | None) -> Plan:
    """The plan, with the name that an earlier version has given to the same line of the same program."""
    names = database.study_names() if database is not None and plan.earlier_name is not None else []
    if database is None or plan.earlier_name is None or plan.name in names or plan.earlier_name not in names:
        return plan
    study = Study(database, plan.earlier_name)
    if before := provenance_of(study):  # it has been continued since
        is_ours = program.is_same(before.program)
    else:
        is_ours = _is_started_here(study, task, StudyFiles.of(plan.settings.directory, study.name))
    return replace(plan, name=study.name) if is_ours else plan


def _is_started_here(study: Study, task: str, files: StudyFiles) -> bool:
    """Whether an earlier version started a study by this task and from this folder, as far as it kept that."""
    script = (study.facts.get("command") or {}).get("script")  # the first version did not keep it
    is_this_script = script is None or script == started_by(task)["script"]
    return is_this_script and (study.facts["task"], study.facts["directory"]) == (task, str(files.directory))
