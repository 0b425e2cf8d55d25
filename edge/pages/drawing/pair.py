"""A plot drawn twice, for a wide window and a narrow one: so its text keeps its size."""

from collections.abc import Callable
from typing import TypeAlias

from edge.pages.drawing.shapes import Drawing

Pair: TypeAlias = tuple[Drawing, Drawing]  # wide, narrow: the stylesheet shows the one that fits

NARROW_PX = 344.0  # of a phone, inside its margins


def pair(draw: Callable[[float], Drawing], wide_px: float) -> Pair:
    """Draw a plot in both widths.

    Args:
        draw: a width in pixels -> the plot.
        wide_px: width of the wide one.
    """
    return draw(wide_px), draw(NARROW_PX)
