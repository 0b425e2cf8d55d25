"""The report as one HTML page that needs nothing beside itself, on screen and in print."""

from edge.pages.drawing import Frame, pair
from edge.pages.templates import environment
from edge.pages.texts import Language
from edge.report.content import Report

_WIDE_PX = 700.0


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
        alerts=report.alert_lines(t),
        trend=pair(lambda width: report.trend_plot(t, Frame(width, 250)), _WIDE_PX),
        coverage=pair(lambda width: report.coverage_plot(t, Frame(width, 120)), _WIDE_PX),
        version=version,
    )
