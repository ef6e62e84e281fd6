"""Commands that change a study, or work on it."""

from typing import Annotated

import typer

from sweeps.cli.options import Name, Storage, Tracking, Trust


def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep_runs: Annotated[bool, typer.Option("--keep-runs", help="Leave its runs in MLflow.")] = False,
    runs_of: Annotated[
        str | None, typer.Option(help="Key of a study that is deleted already: its runs alone, as then they were told.")
    ] = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment, with --runs-of.")] = "sweeps",
    storage: Storage = None,
    tracking: Tracking = None,
) -> None:
    """Delete a study: its trials, their events, its directory on this machine, and its runs and view in MLflow."""
    from sweeps.exits import agrees
    from sweeps.removal import Removal, removed_runs
    from sweeps.report.opened import open_study
    from sweeps.settings import tracking_uri
    from sweeps.tracking.address import where
    from sweeps.tracking.removal import check_key

    if runs_of is not None:
        check_key(runs_of)
        line, is_whole = removed_runs(tracking or tracking_uri(), experiment, name, runs_of)
        lines = [line]
    else:
        study = open_study(name, storage, is_view=False)
        study.check_idle()
        place = ("", "") if keep_runs else where(study, tracking)
        removal = Removal(study=study, tracking=place, keeps_runs=keep_runs)
        if not yes and not agrees(removal.question()):
            print("Nothing was deleted. --yes deletes without asking.")
            raise typer.Exit(1)
        lines, is_whole = removal.carry_out()
    print("\n".join(lines))
    if not is_whole:
        raise typer.Exit(1)


def worker(
    name: Name,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time. Default: what this machine, or the batch job, has.")
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Be gone after this time: seconds, 1:30 (minutes:seconds), 1:30:00 or 2-12:00:00. Exit code 75."
        ),
    ] = None,
    requeue: Annotated[
        bool, typer.Option("--requeue", help="Once the time is over, have Slurm queue this job again.")
    ] = False,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Work with other code or package versions than the study's.")
    ] = False,
    storage: Storage = None,
    trust: Trust = False,
) -> None:
    """Join a study on this machine and work until it is finished."""
    from sweeps.command import join
    from sweeps.granted import grant
    from sweeps.report.opened import open_study
    from sweeps.settings import default_storage
    from sweeps.study.urls import absolute, url_of

    where = absolute(url_of(storage or default_storage()))
    grant(max_time, is_requeued=requeue)
    join(name, open_study(name, storage).facts, where, slots, is_trusted=trust, allows_drift=allow_drift)


def retry(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial that has failed or was skipped.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that have failed; so it is without --trial.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="From the beginning, not from the last checkpoint.")] = False,
    storage: Storage = None,
) -> None:
    """Hand out failed trials once more; the study's own line, or `sweeps worker`, then runs them."""
    from sweeps.errors import StudyError
    from sweeps.report.opened import open_study
    from sweeps.report.typed import looked_at

    if failed and trial is not None:
        raise StudyError(f"--failed and --trial={trial} name different trials. Leave one of them out.")
    study = open_study(name, storage, is_view=False)
    again = study.reopen("sweeps retry", trial, fresh=fresh)
    if not again:
        states = {row.number: row.state for row in study.trials()}
        found = "no trial has failed" if trial is None else f"trial {trial} is {states.get(trial, 'not there')}"
        raise StudyError(
            f"{name}: {found}. Failed trials are run again, --trial=N also one that was skipped,"
            " --trial=N --fresh also one that was interrupted. `sweeps resume --trial=N` continues a pruned one."
        )
    then = f"Type the study's line, or `{looked_at('worker', study)}`."
    how = "from the beginning" if fresh else "from their last checkpoints"
    print(f"{name}: to be run {how}: {', '.join(map(str, again))}. {then}")
