"""HTML from templates: everything is escaped, and a name that is missing is an error."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.errors import UsageError, how_to_install
from edge.pages.drawing import Drawing, svg

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
    made.filters["svg"] = _svg
    made.filters["unbroken"] = _unbroken
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


def _svg(drawing: Drawing, css_class: str = "") -> "Markup":
    from markupsafe import Markup

    return Markup(svg(drawing, css_class))  # it has escaped every text in it


def _unbroken(span: str) -> str:
    """An interval that a narrow line keeps together: word joiners stand around its dash."""
    return span.replace("–", "\u2060–\u2060")
