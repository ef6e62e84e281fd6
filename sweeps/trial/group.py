"""Trials that share a process: each runs its own task, and they meet where they work together."""

import contextvars
from collections.abc import Callable, Sequence
from typing import Any

from greenlet import getcurrent, greenlet

from sweeps.trial.handle import Trial

Save = Callable[[], Any]
Restore = Callable[[Any], None]
Work = Callable[[Sequence[Any]], Sequence[Any]]


class Seat:
    """The place of one trial in its group. A task that is fused gets it from `Fusion.join`.

    Args:
        group: The group.
        body: Runs the trial on this seat, from its beginning to its last word; never raises.
        trial: The trial's handle.
    """

    def __init__(self, group: "Group", body: "Callable[[Seat], None]", trial: Trial) -> None:
        self.trial = trial
        self._group = group
        self._greenlet = greenlet(lambda: body(self))
        # Each trial has context variables of its own, as each process has.
        self._greenlet.gr_context = contextvars.copy_context()
        self._keepers: list[tuple[Save, Restore]] = []
        self._states: list[Any] = []
        self.meeting: tuple[Any, Any, Work] | None = None

    @property
    def has_ended(self) -> bool:
        return bool(self._greenlet.dead)

    def keep(self, save: Save, restore: Restore) -> None:
        """Keep a state of the process apart for this trial, such as that of a random generator.

        Args:
            save: Gives the state; called when another trial goes on.
            restore: Sets it; called with the last state before this trial goes on.
        """
        self._keepers.append((save, restore))

    def meet(self, at: Any, payload: Any, work: Work) -> Any:
        """Wait for the other trials of the group, then work together with those that wait at the same place.

        Trials whose place is least go first; a trial that is further on waits. Trials that have ended are not waited
        for. `work` is called once, with the payloads in the order of the seats. The first of the trials has its states
        set meanwhile, such as its log; what `work` changes of them is not kept.

        Args:
            at: How far the trial is: comparable with the places of the others.
            payload: What `work` gets of this trial.
            work: The same function for all trials at one place. Gives one result per payload. An error that it raises
                cannot be told of any single trial: it ends the process, and each trial is tried alone.

        Returns:
            The result of this trial.

        Raises:
            BaseException: The result is one.
        """
        self.meeting = (at, payload, work)
        result = self._group.hub.switch()
        if isinstance(result, BaseException):
            raise result
        return result

    def restore(self) -> None:
        """Set the trial's own states."""
        for (_, restore), state in zip(self._keepers, self._states, strict=False):
            restore(state)

    def go_on(self, result: Any = None) -> None:
        """Let the trial run until it meets the others, or ends."""
        self.restore()
        self.meeting = None
        self._greenlet.switch(*(() if not self._greenlet else (result,)))
        self._states = [] if self.has_ended else [save() for save, _ in self._keepers]


class Group:
    """Runs the trials of one process.

    Only one runs at a time, in the process's main thread: a trial goes on until it meets the others or ends.

    Example:
        >>> group, found = Group(), []
        >>> def body(seat, number):
        ...     for place in range(number):
        ...         found.append(seat.meet(place, number, lambda all: [sum(all)] * len(all)))
        >>> group.add(lambda seat: body(seat, 1))
        >>> group.add(lambda seat: body(seat, 2))
        >>> group.run()
        >>> found  # both meet in round 0, the second one is alone in round 1
        [3, 3, 2]
    """

    def __init__(self) -> None:
        self.seats: list[Seat] = []
        self.hub: greenlet = getcurrent()

    def add(self, body: Callable[[Seat], None], trial: Trial | None = None) -> None:
        """Give one more trial a seat, and `body` the seat once it runs.

        Args:
            body: Runs the trial.
            trial: Its handle; None: one as outside a study.
        """
        self.seats.append(Seat(self, body, trial or Trial()))

    def run(self) -> None:
        """Run all trials to their ends.

        Raises:
            Exception: Work that they did together has failed.
        """
        self.hub = getcurrent()
        for seat in self.seats:
            seat.go_on()
        while waiting := [(seat, *seat.meeting) for seat in self.seats if seat.meeting is not None]:
            first = min(at for _, at, _, _ in waiting)
            here = [entry for entry in waiting if entry[1] == first]
            here[0][0].restore()
            results = here[0][3]([payload for _, _, payload, _ in here])
            for (seat, *_), result in zip(here, results, strict=True):
                seat.go_on(result)
