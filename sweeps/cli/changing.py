"""Commands that change a study, or work on it."""

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.options import Name, Storage, Trust


def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    storage: Storage = None,
) -> None:
    """Delete a study: its trials, their events and its directory. Runs in MLflow stay."""
    import shutil

    from sweeps.exits import agrees
    from sweeps.report.opened import open_study
    from sweeps.trial.files import StudyFiles
    from sweeps.trial.ownership import is_own_study

    study = open_study(name, storage, is_view=False)
    files = StudyFiles(Path(study.facts.get("directory") or name))
    is_ours = is_own_study(files, study.facts.get("key", ""))
    num_trials = len(study.trials())
    what = f"{num_trials} trials{f' and {files.directory}' if is_ours else ''}"
    if not yes and not agrees(f"Delete study {name}: {what}?"):
        print("Nothing was deleted. --yes deletes without asking.")
        raise typer.Exit(1)
    study.delete()
    if is_ours:
        shutil.rmtree(files.directory)
    elif files.directory.exists():
        print(f"{files.directory} stays: it does not say that it is this study's.")
    print(f"{name}: {num_trials} trials deleted. Its runs in MLflow stay.")


def worker(name: Name, storage: Storage = None, trust: Trust = False) -> None:
    """Join a study on this machine and work until it is finished."""
    from sweeps.command import join
    from sweeps.report.opened import open_study
    from sweeps.settings import default_storage
    from sweeps.study.urls import absolute, url_of

    where = absolute(url_of(storage or default_storage()))
    join(name, open_study(name, storage).facts, where, is_trusted=trust)


def retry(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial; default: all that have failed.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="From the beginning, not from the last checkpoint.")] = False,
    storage: Storage = None,
) -> None:
    """Hand out failed trials once more; the study's own line, or `sweeps worker`, then runs them."""
    from sweeps.errors import StudyError
    from sweeps.report.opened import open_study
    from sweeps.report.typed import looked_at

    study = open_study(name, storage, is_view=False)
    again = study.reopen("sweeps retry", trial, fresh=fresh)
    if not again:
        states = {row.number: row.state for row in study.trials()}
        found = "no trial has failed" if trial is None else f"trial {trial} is {states.get(trial, 'not there')}"
        raise StudyError(f"{name}: {found}. Failed trials are run again; --trial=N --fresh also an interrupted one.")
    then = f"Type the study's line, or `{looked_at('worker', study)}`."
    how = "from the beginning" if fresh else "from their last checkpoints"
    print(f"{name}: to be run {how}: {', '.join(map(str, again))}. {then}")
