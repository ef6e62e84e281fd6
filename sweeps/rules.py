"""Which combinations of a sweep are points: keys that only some others need, and conditions between keys."""

import ast
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import simpleeval

from sweeps.errors import StudyError
from sweeps.values import typed, value_of

_FUNCTIONS = {"abs": abs, "len": len, "max": max, "min": min, "round": round, "sum": sum}

Condition = str | Callable[[Mapping[str, Any]], bool]
"""An expression over keys, or a function that gets the values of all keys of a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a combination of values must obey to be a point.

    Attributes:
        when: Override key to the keys that it depends on, each with the values, as JSON, with which it is needed.
        constraints: What has to be true of the values of a point. One that names a key which a point lacks does not
            concern that point.
    """

    when: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    constraints: tuple[Condition, ...] = ()

    def idle(self, overrides: Mapping[str, str]) -> set[str]:
        """The keys that mean nothing beside these values; whether they are there does not matter."""
        texts = {key.lstrip("+"): text for key, text in overrides.items()}
        return {key for key in self.when if self._is_idle(key, texts)}

    def allow(self, overrides: Mapping[str, str]) -> bool:
        """Whether a combination is a point.

        Raises:
            StudyError: A constraint cannot be worked out.
        """
        if not self.constraints:
            return True
        values = {key.lstrip("+"): value_of(key, text) for key, text in overrides.items() if not key.startswith("~")}
        return all(_holds(i, one, values) for i, one in enumerate(self.constraints))

    def _is_idle(self, key: str, texts: Mapping[str, str]) -> bool:
        for other, values in self.when[key].items():
            text = texts.get(other.lstrip("+"))
            if text is None or typed(value_of(other, text)) not in values:
                return True
            if any(other.lstrip("+") == one.lstrip("+") and self._is_idle(one, texts) for one in self.when):
                return True
        return False


def names_in(text: str) -> list[str]:
    """The keys that an expression names.

    Raises:
        ValueError: It is no expression.
    """
    return list(_parsed(text).keys)


def _holds(place: int, condition: Condition, values: Mapping[str, Any]) -> bool:
    try:
        if callable(condition):
            return bool(condition(values))
        parsed = _parsed(condition)
        if not parsed.keys.keys() <= values.keys():
            return True
        return bool(parsed.value(values))
    except Exception as error:  # of a function of the user's, or of values that do not go together
        at = ", ".join(f"{key}={value}" for key, value in values.items())
        raise StudyError(f"study.constraints[{place}] cannot be worked out at {at}: {error!r:.200}") from error


class _Parsed(ast.NodeTransformer):
    """An expression in which each key is one name, whatever dots and slashes it has.

    Args:
        text: The expression.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[str, str] = {}
        try:
            self._node = self.visit(ast.parse(text.strip(), mode="eval")).body
        except SyntaxError as error:
            raise ValueError(f"{text!r} is no expression: {error.msg}") from error
        self._text = text

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it is with these values of the keys."""
        names = {name: values[key] for key, name in self.keys.items()}
        evaluator = simpleeval.EvalWithCompoundTypes(names=names, functions=_FUNCTIONS)
        return evaluator.eval(self._text, previously_parsed=self._node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._named(ast.unparse(node))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._named(node.id)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name(id="key"), args=[ast.Constant(value=str(name))], keywords=[]):
                return self._named(name)
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
                node.args = [self.visit(one) for one in node.args]
                return node
        raise ValueError(f"{ast.unparse(node)}: known here are key('NAME') and {', '.join(_FUNCTIONS)}")

    def _named(self, key: str) -> ast.Name:
        return ast.Name(id=self.keys.setdefault(key, f"key_{len(self.keys)}"), ctx=ast.Load())


_parsed = functools.cache(_Parsed)
