"""The page as bytes: words, table and pictures in one HTML file."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.redact import tree
from sweeps.report.figures.files import svg_of
from sweeps.report.figures.style import PALETTE, PALETTE_DARK, PAPER, PAPER_DARK
from sweeps.report.findings import Findings
from sweeps.report.page import facts
from sweeps.report.page.rows import failures, table_fragment
from sweeps.report.page.sections import Section, sections_of
from sweeps.report.pictures import PICTURES

if TYPE_CHECKING:
    from markupsafe import Markup

_FOLDER = Path(__file__).parent
_WIDE = ("parallel", "timeline")
_CODE = re.compile(r"`([^`]+)`")


def page_of(findings: Findings, sections: Sequence[Section] | None = None) -> bytes:
    """The whole page. Whatever text a study holds, it stays text.

    Args:
        findings: What is known of the studies.
        sections: Its pictures, where they are drawn already.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["code"] = _with_code
    told = tree(_words(findings))
    told["table"] = told["table"] and Markup(told["table"])  # escaped where it was made
    shown = [_shown(section) for section in (sections_of(findings) if sections is None else sections)]
    headings = [("asked", "What was asked"), ("table", "Table"), *((each["id"], each["title"]) for each in shown)]
    headings += [("failures", "Trials without a result")] if told["failures"]["rows"] else []
    template = environment.get_template("page.html")
    contents = [*headings, ("versions", "Versions")]
    page = template.render(**told, sections=shown, css=Markup(_css()), contents=contents)
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


def _shown(section: Section) -> dict[str, Any]:
    kind, picture = section.kind, PICTURES[section.kind]
    more = f"Not shown here, but drawn by `sweeps plot`: {', '.join(section.left)}." if section.left else ""
    return {"id": kind, "title": picture.title, "how": picture.how, "pictures": list(_svgs(section)), "more": more}


def _svgs(section: Section) -> Iterator[dict[str, Any]]:
    from markupsafe import Markup

    for i, drawing in enumerate(section.drawings):
        name = f"{section.kind}-{i}"
        svg = svg_of(drawing.figure, name).replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)
        yield {
            "name": drawing.name,
            "note": drawing.note,
            "svg": Markup(svg),
            "is_wide": section.kind in _WIDE,
        }


def _css() -> str:
    text = (_FOLDER / "page.css").read_text(encoding="utf-8")
    for name, palette in (("LIGHT", PALETTE), ("DARK", PALETTE_DARK)):
        colours = " ".join(f"--series-{i}: {colour};" for i, colour in enumerate(palette))
        text = text.replace(f" {name} }}", f" {colours} }}").replace(f"\n  {name}\n", f"\n  {colours}\n")
    return text.replace("DARK_PAPER", PAPER_DARK).replace("PAPER", PAPER)
