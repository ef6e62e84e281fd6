"""The cells of a study as clouds of points: by role, and by the key that tells lines apart."""

from collections.abc import Mapping

from sweeps.report.averages import CellMeans, is_number, key_of_lines, name_in, numeric_keys, short_names, text_of
from sweeps.report.figures.clouds import Cloud
from sweeps.report.figures.style import MAX_SERIES
from sweeps.report.findings import Findings
from sweeps.report.frame import Trials
from sweeps.report.tables import is_missing

Points = Mapping[int, tuple[float, float]]
"""Row of a cell to its place."""
Lines = Mapping[int, tuple[float, float]]
"""The same of a cell that has one of both values only; the other is NaN."""


def clouds(findings: Findings, points: Points, named: set[int], lines: Lines | None = None) -> list[Cloud]:
    """The points by role and by the key that tells lines apart; the named ones have the rest of the cell as a label.

    A colour is a value of the key, and a marker a role; where one of both is alone, it has both.
    """
    cells, (split, names) = findings.cells, _names_of(findings)
    groups: dict[str, list[int]] = {}
    for row in sorted({*points, *(lines or {})}):
        groups.setdefault(names[row], []).append(row)
    roles = list(dict.fromkeys(filter(None, cells.roles)))
    colours = list(dict.fromkeys(text_of(value) for value in cells.keys[split])) if split else []
    is_both = bool(split) and len(roles) > 1
    return [
        Cloud(
            name=name,
            x=[points[row][0] for row in rows if row in points],
            y=[points[row][1] for row in rows if row in points],
            labels=[_rest(findings, row, split) if row in named else "" for row in rows if row in points],
            colour=colours.index(text_of(cells.keys[split][rows[0]])) if is_both else None,
            marker=roles.index(cells.roles[rows[0]]) if is_both and cells.roles[rows[0]] else None,
            only_x=[lines[row][0] for row in rows if row in lines and is_number(lines[row][0])] if lines else (),
            only_y=[lines[row][1] for row in rows if row in lines and is_number(lines[row][1])] if lines else (),
        )
        for name, rows in groups.items()
    ]


def _names_of(findings: Findings) -> tuple[str | None, list[str]]:
    """The key that tells clouds apart, and the name of each cell's cloud.

    Beside roles it is a key that all cells have, of names rather than of numbers: what a role varies is no cloud.
    """
    done, cells = findings.trials.completed(), findings.cells
    num_roles = len({role for role in cells.roles if role})
    split = key_of_lines(done, MAX_SERIES) if num_roles < 2 else _key_beside_roles(done, cells, num_roles)
    short = short_names(findings.trials.varied)
    of_key = [name_in(short, split, value) for value in cells.keys[split]] if split else [""] * len(cells.labels)
    roles = cells.roles if num_roles > 1 else ("",) * len(cells.labels)
    return split, [" ".join(filter(None, pair)) or "all" for pair in zip(of_key, roles, strict=True)]


def _key_beside_roles(done: Trials, cells: CellMeans, num_roles: int) -> str | None:
    numbers = set(numeric_keys(done))
    for key in done.varied:
        values = set(map(text_of, cells.keys[key]))
        if (
            key not in numbers
            and not any(map(is_missing, cells.keys[key]))
            and 1 < len(values) * num_roles <= MAX_SERIES
        ):
            return key
    return None


def _rest(findings: Findings, row: int, split: str | None) -> str:
    keys, short = findings.cells.keys, short_names(findings.trials.varied)
    others = [key for key in findings.trials.varied if key != split and not is_missing(keys[key][row])]
    if len(others) == 1:
        return f"{short[others[0]]}={text_of(keys[others[0]][row])}"
    return " ".join(text_of(keys[key][row]) for key in others)
