"""What a browser asks of the pages."""

from edge.web.http import Request


def get(path: str, **values) -> Request:
    """A request of a browser on this machine."""
    address, _, query = path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return Request("GET", address, pairs, **values)
