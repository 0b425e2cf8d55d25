"""A timeline: marks on a line, with one of them in the middle."""

from collections.abc import Sequence

from edge.pages.drawing.shapes import Drawing, Frame, Label, Line, Rect, Shape

_MARK_PX = 3.0


def strip_plot(
    marks: Sequence[tuple[float, str]],
    reach: float,
    labels: tuple[str, str, str],
    frame: Frame,
    words: str,
) -> Drawing:
    """Draw marks by how far from the middle they are.

    Args:
        marks: (distance from the middle, from -reach to reach; title). 0 is the middle one.
        reach: distance of either end.
        labels: below the left end, the middle and the right end.
        frame: where.
        words: what the drawing shows.
    """
    centre, half = frame.left + frame.inner_width / 2, frame.inner_width / 2
    shapes: list[Shape] = [
        Line(frame.left, frame.floor, frame.width - frame.right, frame.floor, "axis")
    ]
    for distance, title in marks:
        x = centre + half * distance / reach
        role = "chosen" if distance == 0 else "bar"
        top = frame.top if distance == 0 else frame.top + frame.inner_height / 3
        shapes.append(Rect(x - _MARK_PX / 2, top, _MARK_PX, frame.floor - top, role, title))
    ends = (frame.left, centre, frame.width - frame.right)
    for x, anchor, text in zip(ends, ("start", "middle", "end"), labels, strict=True):
        shapes.append(Label(x, frame.floor + 16, text, anchor))  # type: ignore[arg-type]
    return Drawing(frame.width, frame.height, tuple(shapes), words)
