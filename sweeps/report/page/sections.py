"""The pictures of a page, drawn: for the page itself, and as files of their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.report.figures.files import file_of
from sweeps.report.findings import Findings
from sweeps.report.pictures import PICTURES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One picture with its name and what a reader has to know of it."""

    name: str
    note: str
    figure: "Figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The pictures of one kind.

    Attributes:
        kind: Its name in `PICTURES`.
        drawings: One or more.
        left: Names of those that the page has no room for.
    """

    kind: str
    drawings: Sequence[Drawing]
    left: Sequence[str]


def sections_of(findings: Findings) -> list[Section]:
    """All kinds of which the findings give a picture."""
    return [section for kind in PICTURES if (section := _section(kind, findings)).drawings]


def _section(kind: str, findings: Findings) -> Section:
    panels = list(PICTURES[kind].panels(findings))
    most = PICTURES[kind].most
    drawings = [Drawing(name=panel.name, note=panel.note, figure=panel.draw()) for panel in panels[:most]]
    return Section(kind=kind, drawings=drawings, left=[panel.name for panel in panels[most:]])


def plots_of(sections: Sequence[Section]) -> Mapping[str, str]:
    """The first picture of each kind as an SVG file, by the name of the kind."""
    return dict(_plots(sections))


def _plots(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    for section in sections:
        yield section.kind, file_of(section.drawings[0].figure, "svg").decode()
