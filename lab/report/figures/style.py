"""What all figures share: the style file, the colours by what they mean, and how a figure becomes a file.

The same values give the same bytes: ids within an SVG do not depend on chance, and no file holds a date or a version.
Matplotlib's object-oriented part alone is used; nothing here opens a window or keeps a figure alive.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from lab.safe import one_line

INK, MUTED = "#24292f", "#8c959f"
BETTER, WORSE = "#0072B2", "#D55E00"
GROUPS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7a5195", "#8c959f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH = 9.2  # inches
_STYLE = Path(__file__).with_name("lab.mplstyle")
_FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"  # what a browser has; all as narrow as the first, or narrower
_LONGEST_NAME = 34

Arguments = ParamSpec("Arguments")


@contextmanager
def styled() -> Iterator[None]:
    """The style file in force, and no warning about a letter that the font lacks: browsers find another font."""
    with matplotlib.style.context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def in_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """A function that draws, with the style in force."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with styled():
            return draw(*args, **kwargs)

    return drawn


def page(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of so many inches."""
    return Figure(figsize=(width, height), layout="constrained")


def name(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name as a figure shows it: on one line, without control characters, cut if very long."""
    return one_line(text, longest)


def number(x: float) -> str:
    """`0.25`, `30`, `460k`, `135M`, `1.5B`."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if x >= unit:
            return f"{x / unit:.3g}{letter}"
    return f"{x:.3g}"


def logarithmic(axes: Axes) -> None:
    """A logarithmic x axis with plain numbers at 1, 2 and 5 of each decade where there is room for them."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    axes.xaxis.set_major_formatter(lambda x, _: number(x))
    axes.minorticks_off()


def clear(axes: Axes) -> None:
    """Leave an axes of a grid of them empty."""
    axes.set_axis_off()


def as_svg(figure: Figure) -> bytes:
    """The figure as SVG with its words as text."""
    with styled():
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue().replace(b"'DejaVu Sans'", _FONTS.encode())


def as_png(figure: Figure) -> bytes:
    """The figure as PNG on white, 160 dots an inch."""
    with styled():
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    return file.getvalue()
