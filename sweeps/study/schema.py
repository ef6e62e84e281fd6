"""Our tables beside Optuna's: who runs which point, and what happened to it.

Whatever changes here needs a new `VERSION` (`version.py`) and a step in `migration.py`.
"""

import sqlalchemy as sa

from sweeps.study.version import VERSION as VERSION

metadata = sa.MetaData()

schema = sa.Table("sweeps_schema", metadata, sa.Column("version", sa.Integer, nullable=False))

# The tables and columns keep the names they were first made with; `key` is what the code calls them.
rows = sa.Table(
    "sweeps_points",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_key", sa.String(64), nullable=False),  # Optuna gives the number of a deleted study to the next
    sa.Column("position", sa.Integer, nullable=False, key="number"),  # the trial's number
    sa.Column("key", sa.String(64), nullable=False),  # the identity when it was added; of a draw its place
    sa.Column("identity", sa.String(64)),  # hash of the composed configuration; NULL until somebody composes it
    sa.Column("cell", sa.String(64)),  # the same without the seed
    sa.Column("configuration", sa.Integer),  # counts the study's configurations; the highest is today's
    sa.Column("overrides", sa.Text),  # JSON; NULL until a sampler has drawn them
    sa.Column("varied", sa.Text),  # JSON list of override keys
    sa.Column("role", sa.Text),  # what the point is in its study, such as `baseline`; NULL where nobody says it
    sa.Column("also", sa.Text),  # JSON: overrides by which a later line has asked for the same configuration
    sa.Column("draw", sa.Integer),  # place among the points that a sampler draws; NULL of a point that was given
    sa.Column("replicate", sa.Integer),  # which of the seeds of its draw; NULL of a point that was given
    sa.Column("drawn", sa.Text),  # JSON: what the sampler noted of itself as it drew the point
    sa.Column("spared", sa.Integer),  # 1: somebody wants it whole, so no pruner stops it
    sa.Column("state", sa.String(8), nullable=False),  # open, running or done
    sa.Column("trial_id", sa.Integer),  # Optuna's
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", sa.String(128)),
    sa.Column("beat_at", sa.Float),  # by the database's clock; of an open row: when it may be taken, NULL at once
    sa.Column("spent_s", sa.Float, nullable=False, server_default="0"),  # wall time of ended attempts
    sa.Column("progress", sa.Text),  # JSON of the last report
    sa.Column("outcome", sa.Text),  # JSON
    sa.Column("mirrored", sa.Integer, nullable=False, server_default="0"),  # 1: Optuna's trial has the outcome
    sa.UniqueConstraint("study_key", "key"),
    sa.Index("sweeps_points_next", "study_key", "state", "number"),
)

events = sa.Table(
    "sweeps_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_key", sa.String(64), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # the trial's number
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", sa.String(128), nullable=False),  # who held the trial
    sa.Column("machine", sa.String(128), nullable=False),  # host name of that worker
    sa.Column("at", sa.Float, nullable=False),  # seconds since the epoch, by the database's clock
    sa.Column("what", sa.String(16), nullable=False),  # one of `events.What`
    sa.Column("why", sa.Text, nullable=False),
    sa.Index("sweeps_events_of_trial", "study_key", "number", "id"),
)

studies = sa.Table(
    "sweeps_studies",
    metadata,
    sa.Column("study_key", sa.String(64), primary_key=True),
    sa.Column("wanted", sa.String(8), nullable=False),  # what its workers are to do: one of `will.Wish`
    sa.Column("why", sa.Text, nullable=False),  # who or what wants that
    sa.Column("at", sa.Float, nullable=False),  # since when, by the database's clock
    sa.Column("limits", sa.Text),  # JSON: at which of its limits it ends
    sa.Column("worked_s", sa.Float, nullable=False, server_default="0"),  # time in which any trial has run
    sa.Column("worked_at", sa.Float),  # until when that is counted
    sa.Column("core_s", sa.Float, nullable=False, server_default="0"),  # time that trials have held a core
    sa.Column("gpu_s", sa.Float, nullable=False, server_default="0"),  # the same of GPUs
    sa.Column("announced", sa.Text),  # the last end of it that somebody was told of
)

sources = sa.Table(
    "sweeps_sources",
    metadata,
    sa.Column("study_key", sa.String(64), primary_key=True),
    sa.Column("configuration", sa.Integer, primary_key=True),  # as the rows count them
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),  # what its trials are composed from
)

rungs = sa.Table(
    "sweeps_rungs",
    metadata,
    sa.Column("study_key", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # the trial's number
    sa.Column("rung", sa.Integer, primary_key=True, autoincrement=False),  # as a step
    sa.Column("reported", sa.Text, nullable=False),  # JSON list of what the trial had reported there
)

bundles = sa.Table(
    "sweeps_bundles",
    metadata,
    sa.Column("study_key", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # the trial's number
    sa.Column("attempt", sa.Integer, nullable=False),  # the one that has ended the trial
    sa.Column("digest", sa.String(64), nullable=False),  # of the files, however they are packed
    sa.Column("content", sa.LargeBinary, nullable=False),  # a zip archive
)

OF_A_STUDY = (rows, events, bundles, studies, sources, rungs)
"""The tables whose rows go with their study."""
