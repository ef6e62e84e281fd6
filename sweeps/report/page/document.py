"""The page as bytes: words, table and pictures in one HTML file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.redact import tree
from sweeps.report.figures.files import svg_of
from sweeps.report.figures.style import PALETTE, PALETTE_DARK, PAPER, PAPER_DARK
from sweeps.report.findings import Findings
from sweeps.report.page import facts
from sweeps.report.page.rows import failures, table_fragment
from sweeps.report.pictures import PICTURES, Picture

if TYPE_CHECKING:
    from markupsafe import Markup

_FOLDER = Path(__file__).parent
_WIDE = ("parallel", "timeline")
_CODE = re.compile(r"`([^`]+)`")


def page_of(findings: Findings) -> bytes:
    """The whole page. Whatever text a study holds, it stays text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["code"] = _with_code
    told = tree(_words(findings))
    told["table"] = told["table"] and Markup(told["table"])  # escaped where it was made
    sections = [
        {**section, "pictures": [{**one, "svg": Markup(one["svg"])} for one in section["pictures"]]}
        for section in _sections(findings)
    ]
    headings = [("asked", "What was asked"), ("table", "Table"), *((s["id"], s["title"]) for s in sections)]
    headings += [("failures", "Trials without a result")] if told["failures"]["rows"] else []
    template = environment.get_template("page.html")
    css = Markup(_css())
    page = template.render(**told, sections=sections, css=css, contents=[*headings, ("versions", "Versions")])
    return page.encode("utf-8", "replace")


def _with_code(text: str) -> "Markup":
    """A text whose parts in backticks are commands."""
    from markupsafe import Markup, escape

    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _words(findings: Findings) -> dict[str, Any]:
    names = ", ".join(study.name for study in findings.studies)
    return {
        "title": f"Study {names}" if len(findings.studies) == 1 else f"Studies {names}",
        "summary": facts.summary(findings),
        "best": facts.best(findings),
        "studies": facts.commands(findings),
        "space": facts.space(findings),
        "fixed": facts.fixed(findings),
        "table": table_fragment(findings),
        "failures": failures(findings),
        "versions": facts.versions(findings),
        "config": facts.config(findings),
    }


def _sections(findings: Findings) -> Iterator[dict[str, Any]]:
    for kind, picture in PICTURES.items():
        pictures, names = _drawn(kind, picture, findings)
        if pictures:
            more = f"Not shown here, but drawn by `sweeps plot`: {', '.join(names)}." if names else ""
            yield {"id": kind, "title": picture.title, "how": picture.how, "pictures": pictures, "more": more}


def _drawn(kind: str, picture: Picture, findings: Findings) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The pictures of a kind, and the names of those that the page has no room for."""
    made: list[Mapping[str, Any]] = []
    left: list[str] = []
    for i, panel in enumerate(picture.panels(findings)):
        if i >= picture.most:
            left.append(panel.name)
            continue
        svg = svg_of(panel.draw(), f"{kind}-{i}").replace("<svg ", f'<svg role="img" aria-label="{kind} {i + 1}" ', 1)
        made.append({"name": panel.name, "note": panel.note, "svg": svg, "is_wide": kind in _WIDE})
    return made, left


def _css() -> str:
    text = (_FOLDER / "page.css").read_text(encoding="utf-8")
    for name, palette in (("LIGHT", PALETTE), ("DARK", PALETTE_DARK)):
        colours = " ".join(f"--series-{i}: {colour};" for i, colour in enumerate(palette))
        text = text.replace(f" {name} }}", f" {colours} }}").replace(f"\n  {name}\n", f"\n  {colours}\n")
    return text.replace("DARK_PAPER", PAPER_DARK).replace("PAPER", PAPER)
