"""Plots as shapes: laid out once, then drawn as SVG in a page or on the canvas of a PDF."""

from edge.pages.drawing.bars import Bar, bars_plot
from edge.pages.drawing.nights import nights_plot
from edge.pages.drawing.pair import Pair, pair
from edge.pages.drawing.shapes import Drawing, Frame
from edge.pages.drawing.strip import strip_plot
from edge.pages.drawing.svg import svg

__all__ = [
    "Bar",
    "Drawing",
    "Frame",
    "Pair",
    "bars_plot",
    "nights_plot",
    "pair",
    "strip_plot",
    "svg",
]
