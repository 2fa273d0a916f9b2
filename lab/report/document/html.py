"""A report as one page that needs nothing but itself: styles, figures and the little script that sorts tables."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lab.report.document.blocks import Document
from lab.safe import safe

_TEMPLATES = Path(__file__).with_name("templates")
_ID = re.compile(r'(\bid="|url\(#|xlink:href="#|href="#)')
_INK = "#24292f"  # of the figures' words and axes: on the page they take the page's own


def html(document: Document, figures: Mapping[str, bytes]) -> str:
    """The page; `figures` holds the SVG of every picture by name.

    Everything but the figures is escaped. The page forbids itself to load anything, and to run any script but its own.
    """
    script = (_TEMPLATES / "sort.js").read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        document=document,
        figures={name: inlined(svg, name) for name, svg in figures.items()},
        style=Markup((_TEMPLATES / "report.css").read_text("utf-8")),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        kind=lambda block: type(block).__name__,
    )


def inlined(svg: bytes, name: str) -> Markup:
    """An SVG to stand in a page: without prologue, in the page's ink, its ids apart from those of other figures."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' height="[^"]*"', "", text, count=1)  # follows from the width, which may shrink
    return Markup(_ID.sub(rf"\g<1>{name}-", text))


def _clean(value: object) -> object:
    """What is written into the page, without control characters; markup of our own as it is."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value
