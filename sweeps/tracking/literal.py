"""Text in a description that a server's pages draw as Markdown, and allow HTML in."""

import re

_MEANT = re.compile(r"[&<>*`\[\]{}|\\~#!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.|@")


def literal(text: str) -> str:
    """The text so that it is shown as it is, in one line: no link, no image, no emphasis, no cell of a table.

    >>> literal("val/score_best"), literal("<b>*x*</b>")
    ('val/score_best', '&#60;b&#62;&#42;x&#42;&#60;/b&#62;')
    """
    return _MEANT.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.splitlines()))


def block(text: str) -> str:
    """The text as a block of its own, with its lines and all that is in them."""
    return "\n".join(f"    {line}" for line in text.splitlines())
