"""The cells of a table as texts for people, which each format only marks and frames."""

from collections.abc import Sequence
from typing import Any

from sweeps.report.numbers import Measured, measured
from sweeps.report.tables import Column, Table

MISSING = "-"
"""In place of a metric that a row has no value of."""

_AS_TYPED = {None: "null", True: "true", False: "false"}
_FEWEST_DIGITS, _LONG = 5, 10
"""Digits of a number that is longer than so many signs."""


def plain_titles(table: Table) -> list[str]:
    """Headings for people: `+x` is `x` where no other column is called so."""
    plain = [column.title.lstrip("+") if column.kind == "key" else column.title for column in table.columns]
    return [
        short if plain.count(short) == 1 else column.title for short, column in zip(plain, table.columns, strict=True)
    ]


def texts_of(column: Column) -> list[str]:
    """One text per row, without marks."""
    match column.kind:
        case "key":
            return key_texts(column.values)
        case "count":
            return [str(n) if n == of else f"{n}/{of}" for n, of in zip(column.values, _all(column), strict=True)]
        case "metric":
            return [MISSING if each is None else _text(each) for each in measured(column.values, column.spreads)]
        case "size":
            return ["" if value is None else f"{value:,}" for value in column.values]
    return ["" if value is None else f"{value:.1f}" for value in column.values]


def key_texts(values: Sequence[Any]) -> list[str]:
    """Values as they are; numbers with many digits, as samplers draw them, with as few as keep the rows apart."""
    texts = [_AS_TYPED[v] if v is None or isinstance(v, bool) else str(v) for v in values]
    for num_digits in range(_FEWEST_DIGITS, 17):
        is_long = [isinstance(value, float) and len(text) > _LONG for value, text in zip(values, texts, strict=True)]
        short = [
            f"{value:.{num_digits}g}" if long else text
            for value, text, long in zip(values, texts, is_long, strict=True)
        ]
        if len(set(short)) == len(set(texts)):
            return short
    return texts


def _all(column: Column) -> Sequence[int]:
    return column.numbers or column.values


def _text(value: Measured) -> str:
    text = value.mean if value.spread is None else f"{value.mean} ± {value.spread}"
    return (
        text if not value.power else f"({text})e{value.power}" if value.spread is not None else f"{text}e{value.power}"
    )
