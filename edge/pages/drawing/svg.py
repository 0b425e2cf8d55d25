"""A drawing as inline SVG 1.1; the stylesheet of the page gives each role its colour."""

from html import escape

from edge.pages.drawing.shapes import Dot, Drawing, Label, Line, Polygon, Rect, Shape


def svg(drawing: Drawing, css_class: str) -> str:
    """The element, without a style or a script of its own.

    Args:
        drawing: what to draw.
        css_class: class of the element.
    """
    size = f"{drawing.width:g} {drawing.height:g}"
    shapes = "\n".join(_element(shape) for shape in drawing.shapes)
    return (
        f'<svg class="{escape(css_class)}" viewBox="0 0 {size}" role="img" '
        f'aria-label="{escape(drawing.words)}">\n{shapes}\n</svg>'
    )


def _element(shape: Shape) -> str:
    match shape:
        case Rect(x, y, width, height, role, title):
            place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
            return _titled("rect", role, place, title)
        case Line(x1, y1, x2, y2, role):
            place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            return _titled("line", role, place, "")
        case Polygon(points, role, title):
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            return _titled("polygon", role, f'points="{corners}"', title)
        case Dot(x, y, radius, role, title):
            return _titled("circle", role, f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"', title)
        case Label(x, y, text, anchor):
            place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            return f"<text {place}>{escape(text)}</text>"


def _titled(name: str, role: str, place: str, title: str) -> str:
    if not title:
        return f'<{name} class="{escape(role)}" {place}/>'
    return f'<{name} class="{escape(role)}" {place}><title>{escape(title)}</title></{name}>'
