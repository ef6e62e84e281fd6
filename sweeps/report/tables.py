"""Benchmark tables: a row a cell of the grid, mean and spread over its replicates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

_REPLICATE = "seed"
_SIZES = {"parameters": "num_parameters", "flops": "num_flops"}


def benchmark_table(
    frame: pd.DataFrame, objectives: Sequence[str], directions: Sequence[str], metrics: Sequence[str] = ()
) -> pd.DataFrame | None:
    """Mean and standard deviation of the completed trials of each cell; None when none has completed.

    Args:
        frame: A tidy frame of trials.
        objectives: Metric names the study optimises, shown first.
        directions: `maximize` or `minimize` of each.
        metrics: Further metrics; empty: the test metrics that are not losses, or all losses where there are no others.

    Returns:
        A row per cell in the order of the grid. Columns: the varied keys, `n`, per metric `NAME` and `NAME ±`
        (standard deviation with n - 1; absent where no cell has replicates), `seconds` per trial. The attribute
        `best` maps a metric to the index of its best cell.
    """
    done = frame[frame["state"] == "completed"]
    if done.empty:
        return None
    keys = [key for key in frame.attrs["varied"] if key != _REPLICATE]
    shown = [name for name in (*objectives, *(metrics or _test_metrics(done))) if name in done.columns]
    shown = list(dict.fromkeys(shown))
    grouped = done.groupby([done[key].map(str) for key in keys] if keys else [pd.Series("all", done.index)], sort=False)
    table = grouped[keys].first().reset_index(drop=True) if keys else pd.DataFrame(index=range(1))
    table["n"] = grouped.size().to_numpy()
    has_spread = bool((table["n"] > 1).any())
    for name in shown:
        table[name] = grouped[name].mean().to_numpy()
        if has_spread:
            table[f"{name} ±"] = grouped[name].std(ddof=1).to_numpy()
    for name, column in _SIZES.items():
        if column in done.columns:
            table[name] = grouped[column].first().astype(int).to_numpy()
    table["seconds"] = grouped["duration_s"].mean().to_numpy()
    table.attrs["best"] = _best(table, shown, dict(zip(objectives, directions, strict=False)))
    table.attrs["metrics"] = shown
    return table


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table with the best value of each metric in bold."""
    text = pd.DataFrame(index=table.index)
    for column in table.columns:
        if column in table.attrs["metrics"]:
            text[column] = _cells(table, column)
        elif column == "seconds":
            text[column] = table[column].map("{:.1f}".format)
        elif column in _SIZES:
            text[column] = table[column].map("{:,}".format)
        elif not str(column).endswith(" ±"):
            text[column] = table[column].map(str)
    numeric = {"n", *_SIZES, "seconds", *table.attrs["metrics"]}
    align = ["right" if column in numeric else "left" for column in text.columns]
    return str(text.to_markdown(index=False, disable_numparse=True, colalign=align))


def to_csv(table: pd.DataFrame) -> str:
    """Numbers as they are, for other programs."""
    return str(table.to_csv(index=False))


def _test_metrics(frame: pd.DataFrame) -> list[str]:
    tests = [str(name) for name in frame.columns if str(name).startswith("test/")]
    return [name for name in tests if not name.endswith("loss")] or tests


def _best(table: pd.DataFrame, metrics: Sequence[str], directions: dict[str, str]) -> dict[str, int]:
    best = {}
    for name in metrics:
        values = table[name].dropna()
        if values.empty or len(table) == 1:
            continue
        falls = directions.get(name, "minimize" if name.endswith("loss") else "maximize") == "minimize"
        order = values.to_numpy(dtype=float)
        best[name] = int(values.index[order.argmin() if falls else order.argmax()])  # type: ignore[call-overload]
    return best


def _cells(table: pd.DataFrame, metric: str) -> list[str]:
    """Mean and, where there are replicates, spread of each cell; the best one in bold."""
    means = table[metric].to_numpy(dtype=float)
    spreads = table[f"{metric} ±"].to_numpy(dtype=float) if f"{metric} ±" in table else np.full(len(means), np.nan)
    texts = [
        f"{mean:.4f}" if np.isnan(spread) else f"{mean:.4f} ± {spread:.4f}"
        for mean, spread in zip(means, spreads, strict=True)
    ]
    best = table.attrs["best"].get(metric)
    if best is not None:
        texts[best] = f"**{texts[best]}**"
    return texts
