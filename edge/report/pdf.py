"""The report as a PDF of one A4 page, drawn with ReportLab; the plots are vectors."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from edge.pages.drawing import Drawing, Frame
from edge.pages.drawing.shapes import Dot, Label, Line, Polygon, Rect
from edge.pages.templates import import_extra
from edge.pages.texts import Language
from edge.report.content import Report

_PAGE = (595.28, 841.89)  # A4 in points
_MARGIN = 42.0
_WIDTH = _PAGE[0] - 2 * _MARGIN
_POINTS_A_PIXEL = 0.75
_PIXELS = _WIDTH / _POINTS_A_PIXEL
# Every reader has the first without embedding. The second is the font that PDF readers bring
# for simplified Chinese, which spares the device a font of many megabytes.
_FONTS = {"en": ("Helvetica", "Helvetica-Bold"), "zh-CN": ("STSong-Light", "STSong-Light")}
_TEXT, _QUIET = "#16202b", "#52606d"
_FILL = {
    "bar": "#0f6b78",
    "point": "#0f6b78",
    "alert": "#b3261e",
    "usual": "#cde7ea",
    "gap": "#c3cad1",
}
# What a line of Chinese may be broken between: a word of another script or one character, with
# the marks that must not begin a line after it, and those that must not end one before it.
_UNBROKEN = re.compile(r"[（“《]*(?:[!-~–]+|.)[，。、：；！？）”》]*\s*")
_STROKE = {"grid": "#dbe1e7", "axis": "#52606d", "point-line": "#7db3ba", "alert-line": "#d98a85"}


def pdf_page(report: Report, t: Language, version: str) -> bytes:
    """The page; the same report gives the same bytes.

    Args:
        report: what to say.
        t: its language.
        version: of this software.

    Raises:
        UsageError: the extra `report` is not installed.
    """
    return _Page(report, t, version).made()


class _Page:
    """One page from the top down; `_y` is where the next thing goes, in points."""

    def __init__(self, report: Report, t: Language, version: str) -> None:
        self._report, self._t, self._version = report, t, version
        self._plain, self._bold = _FONTS[t.tag]
        canvas = import_extra("reportlab.pdfgen.canvas", "report")
        if self._plain == "STSong-Light":
            cid = import_extra("reportlab.pdfbase.cidfonts", "report")
            metrics = import_extra("reportlab.pdfbase.pdfmetrics", "report")
            metrics.registerFont(cid.UnicodeCIDFont(self._plain))
        # `invariant` keeps the time of day out of the file.
        self._canvas: Any = canvas.Canvas(None, pagesize=_PAGE, invariant=1, lang=t.tag)
        self._y = _PAGE[1] - _MARGIN

    def made(self) -> bytes:
        report, t = self._report, self._t
        self._canvas.setTitle(f"{t('report')} {report.node}")
        self._canvas.setAuthor(f"Airway {self._version}")
        self._line(t("report"), 18, self._bold)
        self._line(t("report_period", first=t.day(report.first), last=t.day(report.last)), 11)
        self._line(t("report_made", node=report.node), 9, colour=_QUIET)
        self._notice(t("disclaimer"))
        if not report.monitored:
            self._line(t("report_none"), 11, self._bold)
        self._figures(report.figures(t))
        self._heading(t("chart_trend"))
        self._draw(report.trend_plot(t, Frame(_PIXELS, 240)))
        self._legend()
        self._heading(t("report_coverage"))
        self._draw(report.coverage_plot(t, Frame(_PIXELS, 110)))
        self._heading(t("alerts"))
        for text in report.alert_lines(t) or [t("alerts_none")]:
            self._line(text, 9.5)
        self._heading(t("report_method"))
        self._wrapped(t("report_method_text"), 9)
        self._wrapped(t("how_to_read_lines"), 9)
        self._wrapped(t(report.correction), 9)
        self._text(_MARGIN, _MARGIN - 14, f"Airway {self._version}", 8, colour=_QUIET)
        self._canvas.showPage()
        return bytes(self._canvas.getpdfdata())

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        font: str = "",
        colour: str = _TEXT,
        anchor: str = "start",
    ) -> None:
        self._canvas.setFillColor(colour)
        self._canvas.setFont(font or self._plain, size)
        draw = {"start": "drawString", "middle": "drawCentredString", "end": "drawRightString"}
        getattr(self._canvas, draw[anchor])(x, y, text)

    def _line(self, text: str, size: float, font: str = "", colour: str = _TEXT) -> None:
        self._y -= size * 1.3
        self._text(_MARGIN, self._y, text, size, font, colour)

    def _heading(self, text: str) -> None:
        self._y -= 8
        self._line(text, 11, self._bold)
        self._y -= 3

    def _wrapped(self, text: str, size: float, indent: float = 0.0) -> None:
        metrics = import_extra("reportlab.pdfbase.pdfmetrics", "report")
        chinese = self._plain == "STSong-Light"
        pieces = _UNBROKEN.findall(text) if chinese else re.findall(r"\S+\s*", text)

        def width(line: str) -> float:
            return float(metrics.stringWidth(line, self._plain, size))

        for line in _lines(pieces, width, _WIDTH - indent):
            self._y -= size * 1.35
            # The baseline stands where a line's descent has room below it.
            self._text(_MARGIN + indent, self._y + size * 0.3, line, size)
        self._y -= 3

    def _notice(self, text: str) -> None:
        self._y -= 8
        top = self._y
        self._wrapped(text, 9.5, indent=10)
        self._canvas.setFillColor(_FILL["alert"])
        self._canvas.rect(_MARGIN, self._y, 3, top - self._y, stroke=0, fill=1)
        self._y -= 4

    def _figures(self, figures: Sequence[tuple[str, str]]) -> None:
        """Two columns of names and values with a rule below each."""
        gutter = 24.0
        width = (_WIDTH - gutter) / 2
        for k, (name, value) in enumerate(figures):
            x = _MARGIN + (k % 2) * (width + gutter)
            if k % 2 == 0:
                self._y -= 17
            self._text(x, self._y, name, 9.5, colour=_QUIET)
            self._text(x + width, self._y, value, 9.5, self._bold, anchor="end")
            self._canvas.setStrokeColor(_STROKE["grid"])
            self._canvas.line(x, self._y - 4, x + width, self._y - 4)
        self._y -= 10

    def _legend(self) -> None:
        self._y -= 12
        x = _MARGIN
        for role in ("rate", "alert", "usual", "none"):
            name = {"rate": "point", "none": "gap"}.get(role, role)
            self._canvas.setFillColor(_FILL[name])
            if role == "rate":
                self._canvas.circle(x + 3, self._y + 3, 2.5, stroke=0, fill=1)
            elif role == "alert":
                self._polygon([(x, 3), (x + 3.5, 6.5), (x + 7, 3), (x + 3.5, -0.5)], self._y)
            else:
                self._canvas.rect(x, self._y - 0.5, 7, 7, stroke=0, fill=1)
            text = self._t(f"legend_{role}")
            self._text(x + 11, self._y, text, 8.5, colour=_QUIET)
            x += 11 + self._canvas.stringWidth(text, self._plain, 8.5) + 14

    def _polygon(self, points: Sequence[tuple[float, float]], above: float) -> None:
        path = self._canvas.beginPath()
        path.moveTo(points[0][0], above + points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, above + y)
        path.close()
        self._canvas.drawPath(path, stroke=0, fill=1)

    def _draw(self, drawing: Drawing) -> None:
        """The plot at the full width; pixels that grow down -> points that grow up."""
        top = self._y
        k = _POINTS_A_PIXEL

        def at(x: float, y: float) -> tuple[float, float]:
            return _MARGIN + x * k, top - y * k

        for shape in drawing.shapes:
            match shape:
                case Rect(x, y, width, height, role):
                    self._canvas.setFillColor(_FILL[role])
                    corner = at(x, y + height)
                    self._canvas.rect(*corner, width * k, height * k, stroke=0, fill=1)
                case Line(x1, y1, x2, y2, role):
                    self._canvas.setStrokeColor(_STROKE[role.split()[-1]])
                    self._canvas.setLineWidth(0.6 if role in ("grid", "axis") else 1.0)
                    self._canvas.line(*at(x1, y1), *at(x2, y2))
                case Polygon(points, role):
                    self._canvas.setFillColor(_FILL[role])
                    self._polygon([at(x, y) for x, y in points], 0.0)
                case Dot(x, y, radius, role):
                    self._canvas.setFillColor(_FILL[role])
                    self._canvas.circle(*at(x, y), radius * k, stroke=0, fill=1)
                case Label(x, y, text, anchor):
                    self._text(*at(x, y), text, 8, colour=_QUIET, anchor=anchor)
        self._y = top - drawing.height * k


def _lines(pieces: Sequence[str], width: Callable[[str], float], most: float) -> list[str]:
    """Pieces that are not broken -> lines no wider than `most`, in points, as full as they go."""
    lines, line = [], ""
    for piece in pieces:
        if line and width((line + piece).rstrip()) > most:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]
