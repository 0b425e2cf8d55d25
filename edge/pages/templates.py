"""HTML from templates: everything is escaped, and a name that is missing is an error."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.errors import UsageError, how_to_install
from edge.pages.drawing import Pair, svg
from edge.pages.nights import has_alert

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def environment(package: str, extra: str) -> "Environment":
    """The templates of a package, in its folder `templates`.

    Args:
        package: dotted name.
        extra: the extra of the installation that brings what pages need.

    Raises:
        UsageError: Jinja is not installed.
    """
    jinja2 = import_extra("jinja2", extra)
    made: Environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["drawn"] = _drawn
    made.filters["unbroken"] = _unbroken
    made.tests["with_alert"] = has_alert
    return made


def import_extra(module: str, extra: str) -> Any:
    """Import what an extra brings.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"this needs {module.partition('.')[0]}, which is not installed; "
            f"{how_to_install(extra)}"
        ) from error


def _drawn(plot: Pair) -> "Markup":
    from markupsafe import Markup

    wide, narrow = plot
    # They have escaped every text in them.
    return Markup(f"{svg(wide, 'plot wide')}\n{svg(narrow, 'plot narrow')}")


def _unbroken(span: str) -> str:
    """An interval that a narrow line keeps together: word joiners stand around its dash."""
    return span.replace("–", "\u2060–\u2060")
