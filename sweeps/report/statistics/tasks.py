"""Several tasks in one number, beside networks that were trained for one task each."""

from collections.abc import Mapping
from statistics import fmean


def delta_m(
    measured: Mapping[str, float],
    base: Mapping[str, float],
    directions: Mapping[str, str],
    tasks: Mapping[str, str] | None = None,
) -> float:
    """Relative gain over single-task networks, in percent; positive is better.

    100 / K sum_k s_k (M_k - B_k) / B_k, with s = 1 where higher is better and -1 where lower is (Vandenhende et al.
    2021, arXiv 2004.13379; LibMTL). Nash-MTL and FAMO print the negative of it.

    Args:
        measured: Metric to value, one seed's.
        base: Metric to the mean over the seeds of the network that was trained for its task alone.
        directions: Metric to `max` or `min`.
        tasks: Metric to task: the gains of a task's metrics are averaged first. None: each metric is a task.

    Raises:
        ValueError: A value of the base is not positive, so that nothing can be relative to it.
    """
    if wrong := next((name for name in measured if not base[name] > 0), None):
        raise ValueError(f"{wrong} of the base is {base[wrong]}, and gains are relative to a positive value")
    by_task: dict[str, list[float]] = {}
    for name, value in measured.items():
        sign = 1 if directions[name] == "max" else -1
        by_task.setdefault((tasks or {}).get(name, name), []).append(sign * (value - base[name]) / base[name])
    return 100 * fmean(map(fmean, by_task.values()))


def skill(value: float, constant: float, single: float) -> float:
    """A metric on a scale of its own: 0 is the best constant answer, 1 the mean of the single-task networks.

    Args:
        value: What was measured.
        constant: The metric of the majority class, or of the median.
        single: The metric of the network that was trained for this task alone.

    Raises:
        ValueError: The single-task networks are no better than a constant answer.
    """
    if single == constant:
        raise ValueError(f"a single-task network that is as good as a constant answer ({constant}) gives no scale")
    return (value - constant) / (single - constant)
