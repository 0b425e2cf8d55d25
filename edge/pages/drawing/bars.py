"""Bars side by side, each with how much of its time was listened to."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.pages.drawing.shapes import Drawing, Frame, Label, Rect, Shape, ticks, value_axis

_LABEL_PX = 60.0  # room for one label below the axis
_GAP_PX = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        value: its height.
        share: how much of its time was listened to, 0 to 1.
        label: below the axis, where there is room.
        title: all about it in words.
    """

    value: float
    share: float
    label: str
    title: str


def bars_plot(bars: Sequence[Bar], frame: Frame, words: str) -> Drawing:
    """Draw bars; time that was not listened to is grey from the top down by its share.

    Args:
        bars: at least one.
        frame: where.
        words: what the drawing shows.
    """
    values = ticks(max(4.0, *(bar.value for bar in bars)), 4)
    pitch = frame.inner_width / len(bars)
    width = max(pitch - _GAP_PX, pitch / 2)
    shapes: list[Shape] = []
    for k, bar in enumerate(bars):
        x = frame.left + k * pitch
        missing = frame.inner_height * (1 - min(max(bar.share, 0.0), 1.0))
        if missing >= 1:
            shapes.append(Rect(x, frame.top, pitch, missing, "gap", bar.title))
    shapes += value_axis(frame, values)
    for k, bar in enumerate(bars):
        y = frame.y(bar.value, values[-1])
        x = frame.left + k * pitch + (pitch - width) / 2
        shapes.append(Rect(x, y, width, frame.floor - y, "bar", bar.title))
    every = max(1, -int(-_LABEL_PX // pitch))
    for k in range(0, len(bars), every):
        x = frame.left + (k + 0.5) * pitch
        shapes.append(Label(x, frame.floor + 16, bars[k].label, "middle"))
    return Drawing(frame.width, frame.height, tuple(shapes), words)
