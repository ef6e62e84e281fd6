"""Lets a trial go on to its end that a pruner has stopped."""


def continue_trial(name: str, number: int, storage: str | None) -> None:
    """Hand out a trial that was pruned once more, to be pruned no more.

    Raises:
        StudyError: It was not pruned; with those that were.
    """
    from sweeps.errors import StudyError
    from sweeps.outcome import was_run
    from sweeps.report.opened import open_study
    from sweeps.report.typed import looked_at

    study = open_study(name, storage, is_view=False)
    trials = {row.number: row for row in study.trials()}
    if not study.go_on(number, "sweeps resume"):
        pruned = [str(row.number) for row in trials.values() if row.state == "pruned"]
        found = trials[number].state if number in trials else "not there"
        raise StudyError(f"{name}: trial {number} is {found}. Pruned trials: {', '.join(pruned) or 'none'}.")
    outcome = trials[number].outcome
    how = "goes on from its last checkpoint" if outcome and was_run(outcome) else "is run after all"
    then = f"Type the study's line, or `{looked_at('worker', study)}`."
    print(f"{name}: trial {number} {how}, and no pruner stops it. {then}")
