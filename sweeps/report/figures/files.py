"""A figure as the bytes of a file, and as a part of the page."""

import io
import re
from typing import TYPE_CHECKING, Any

from sweeps.report.figures.style import FAINT, INK, PALETTE, PAPER, rules

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
_DPI = 300
_PLAIN_ID = re.compile(r' id="[A-Za-z][A-Za-z0-9.]*_\d+"')
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def file_of(figure: "Figure", format: str) -> bytes:
    """The content of a file; equal figures give equal bytes.

    Args:
        figure: What was drawn.
        format: One of `FORMATS`. In PDF the fonts are embedded, in SVG text is outlines.
    """
    return _saved(figure, format, PAPER, "path")


def svg_of(figure: "Figure", name: str) -> str:
    """An SVG element for the page: text stays text, and the colours are those of the page, light or dark.

    Args:
        figure: What was drawn.
        name: Different for each figure of a page: parts that are referred to have it in their names.
    """
    text = _saved(figure, "svg", "none", "none", salt=name).decode()
    svg = text[text.index("<svg") :]
    svg = _PLAIN_ID.sub("", re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL))
    svg = svg.replace(INK, "currentColor").replace(FAINT, "var(--faint)").replace(PAPER, "var(--paper)")
    for i, colour in enumerate(PALETTE):
        svg = svg.replace(colour, f"var(--series-{i})")
    return re.sub(r"\n\s*", "\n", svg)


def _saved(figure: "Figure", format: str, paper: str, svg_text: str, salt: str = "sweeps") -> bytes:
    import matplotlib

    file = io.BytesIO()
    with rules(), matplotlib.rc_context({"svg.fonttype": svg_text, "svg.hashsalt": salt}):
        figure.savefig(file, format=format, dpi=_DPI, facecolor=paper, metadata=_METADATA[format])
    return file.getvalue()
