"""The local pages: a process of its own that reads the history and changes nothing.

`http` holds a request and an answer, `access` decides who may look, `views` turns the history
into pages, `site` joins them to a WSGI application, and `server` puts that on a port.
"""

from edge.web.access import Gate, read_token
from edge.web.server import is_loopback, serve
from edge.web.site import Site
from edge.web.views import Pages

__all__ = ["Gate", "Pages", "Site", "is_loopback", "read_token", "serve"]
