"""The report as one HTML page that needs nothing beside itself, on screen and in print."""

from edge.pages.drawing import Frame
from edge.pages.templates import environment
from edge.pages.texts import Language
from edge.report.content import Report

_WIDTH = 700.0


def html_page(report: Report, t: Language, version: str) -> str:
    """The page.

    Args:
        report: what to say.
        t: its language.
        version: of this software.

    Raises:
        UsageError: the extra `report` is not installed.
    """
    template = environment("edge.report", "report").get_template("report.html")
    return template.render(
        t=t,
        report=report,
        figures=report.figures(t),
        trend=report.trend_plot(t, Frame(_WIDTH, 250)),
        coverage=report.coverage_plot(t, Frame(_WIDTH, 120)),
        version=version,
    )
