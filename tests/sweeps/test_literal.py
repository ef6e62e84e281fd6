"""What a description holds of names, values and errors is text, whatever it looks like."""

import html
import re

import pytest

from sweeps.outcome import Failed
from sweeps.tracking.literal import block, literal
from sweeps.tracking.upload import _note

MARKUP = re.compile(r"[<>*`\[\]|\\~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|://")


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>", "**b** _i_ `c` ~~s~~", "[x](https://evil.example)", "a|b", "&lt;b&gt;", "# h",
        "![x](y)", r"\*x", "$x$", "www.evil.example", "a@b.example", "https://evil.example/x",
    ],
)  # fmt: skip
def test_nothing_of_a_text_is_markup_and_all_of_it_is_shown(text: str) -> None:
    made = literal(text)
    assert not MARKUP.search(made) and html.unescape(made) == text


def test_plain_names_and_numbers_stay_readable() -> None:
    for text in ("val/score_best", "model.loss_weights.thickness", "0.1", "dense", "-1e-3", "(a, b)"):
        assert literal(text) == text
    assert literal("two\nlines") == "two lines"


def test_each_line_of_an_error_is_in_a_block() -> None:
    assert block("a\n<b>c</b>\n\nd") == "    a\n    <b>c</b>\n    \n    d"
    note = _note(Failed(cause="error", detail="ValueError: a\n<script>x</script>", log_tail="# x\n[y](z)"))
    rest = [line for line in note.splitlines() if line and line not in ("**error**", "Its last lines:")]
    assert len(rest) == 4 and all(line.startswith("    ") for line in rest)
