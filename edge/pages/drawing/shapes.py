"""The parts of a plot. Units are pixels of a page (1/96 inch), y grows downwards.

A shape names its role, such as "bar" or "grid"; what a role looks like is the business of the
stylesheet, or of the PDF.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; `title` is told when a pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    role: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    role: str


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed shape through its corners."""

    points: tuple[tuple[float, float], ...]
    role: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    role: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; y is its baseline."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"


Shape: TypeAlias = Rect | Line | Polygon | Dot | Label


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot, ready to be drawn.

    Attributes:
        width, height: its size.
        shapes: from the back to the front.
        words: what it shows, for who can't see it.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a plot inside its margins.

    Attributes:
        width, height: of the whole drawing.
        left, right, top, bottom: margins, which hold the labels of the axes.
    """

    width: float
    height: float
    left: float = 34.0
    right: float = 18.0
    top: float = 10.0
    bottom: float = 24.0

    @property
    def inner_width(self) -> float:
        """Width between the margins."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> float:
        """Height between the margins."""
        return self.height - self.top - self.bottom

    @property
    def floor(self) -> float:
        """The y of zero."""
        return self.height - self.bottom

    def y(self, value: float, top_value: float) -> float:
        """The y of a value, where `top_value` is at the upper margin; what is above is cut."""
        return self.floor - self.inner_height * min(value / top_value, 1.0)


def ticks(largest: float, most: int = 5) -> list[float]:
    """Round values from 0 to at least `largest`, in steps of 1, 2 or 5 times a power of ten.

    Args:
        largest: what must fit; 0, or 1e-6 and more.
        most: steps at most.
    """
    if largest <= 0:
        return [0.0, 1.0]
    rough = largest / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough * (1 - 1e-9))
    return [step * k for k in range(math.ceil(largest / step - 1e-9) + 1)]


def value_axis(frame: Frame, values: list[float]) -> list[Shape]:
    """Grid lines with their values at the left; the last value is at the top."""
    shapes: list[Shape] = []
    for value in values:
        y = frame.y(value, values[-1])
        role = "axis" if value == 0 else "grid"
        shapes.append(Line(frame.left, y, frame.width - frame.right, y, role))
        shapes.append(Label(frame.left - 6, y + 4, f"{value:g}", "end"))
    return shapes
