"""Commands that tell the workers of a study, wherever they are, what to do."""

from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.options import Name, Storage

if TYPE_CHECKING:
    from sweeps.study.study import Study
    from sweeps.study.will import Look


def stop(
    name: Name,
    finish: Annotated[bool, typer.Option("--finish", help="Let the trials that run end first.")] = False,
    storage: Storage = None,
) -> None:
    """Let all workers of a study hand their trials back and end; its line, or `sweeps resume`, goes on."""
    from sweeps.errors import StudyError

    study, now = _opened(name, storage)
    if now.is_finished:
        raise StudyError(f"Study {name!r} has nothing to stop: all its trials have ended.")
    study.will.want("end" if finish else "stop", _told("stop --finish" if finish else "stop"))
    what = "end once their trials have" if finish else "hand their trials back and end"
    print(f"{name}: its workers {what}. {_counts(now)} {_then(study, 'worker')}")


def pause(name: Name, storage: Storage = None) -> None:
    """Let all workers of a study hand their trials back and wait for `sweeps resume`."""
    from sweeps.errors import StudyError

    study, now = _opened(name, storage)
    if now.is_finished:
        raise StudyError(f"Study {name!r} has nothing to pause: all its trials have ended.")
    if now.wanted in ("end", "stop"):
        raise StudyError(f"Study {name!r} is stopped already: {now.why}. {_then(study, 'worker')}")
    study.will.want("pause", _told("pause"))
    print(f"{name}: its workers hand their trials back and wait. {_counts(now)} {_then(study, 'resume')}")


def resume(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial that a pruner has stopped: it alone.")] = None,
    storage: Storage = None,
) -> None:
    """Let a study go on that was paused or stopped, or one trial that a pruner has stopped, from its checkpoint."""
    from sweeps.cli.continuing import continue_trial
    from sweeps.errors import StudyError

    if trial is not None:
        continue_trial(name, trial, storage)
        return
    study, now = _opened(name, storage)
    if now.wanted == "run":
        raise StudyError(f"Study {name!r} is neither paused nor stopped.")
    study.will.want("run", _told("resume"))
    print(f"{name}: it was told to {now.wanted}: {now.why}. {_counts(now)}")
    if now.wanted == "pause":
        print(f"Workers that wait go on. Where none is left: {_then(study, 'worker')}")
    else:
        print(_then(study, "worker"))


def skip(
    name: Name,
    trial: Annotated[int, typer.Option(help="Number of a trial that is open or runs.")],
    storage: Storage = None,
) -> None:
    """Do not run a trial, or end one that runs; `sweeps retry STUDY --trial N` brings it back."""
    from sweeps.report.typed import looked_at

    study, _ = _opened(name, storage)
    before = study.skipping.skip(trial, _told("skip"))
    what = "its worker ends it" if before == "running" else "it is not run"
    print(f"{name}: trial {trial} was {before}, {what}. `{looked_at(f'retry --trial {trial}', study)}` brings it back.")


def _opened(name: str, storage: str | None) -> "tuple[Study, Look]":
    from sweeps.report.opened import open_study

    study = open_study(name, storage, is_view=False)
    return study, study.look()


def _told(verb: str) -> str:
    """Who has typed a command, and where."""
    from sweeps.owners import user_and_host

    return f"sweeps {verb}, by {user_and_host()}"


def _counts(now: "Look") -> str:
    from sweeps.output import counted

    return f"{counted(now.done, 'trial')} done, {now.running} running, {now.open} open."


def _then(study: "Study", verb: str) -> str:
    from sweeps.report.typed import looked_at

    line = f"`{looked_at(verb, study)}`"
    return f"{line} goes on." if verb == "resume" else f"The study's own line, or {line}, goes on."
