"""The version of our tables in a database, for whoever looks without SQLAlchemy."""

VERSION = 7
"""7: an outcome says which code ran its trial. 6: draws have a place, and a study has a will and its sources.
5: a point may have a role and further names. 4: what a trial leaves is kept, too. 3: rows say which configuration they
ran. 2: rows belong to the study's key. 1, which no table names: they belonged to Optuna's number of the study."""
