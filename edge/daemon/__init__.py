"""The daemon: one source, one pipeline, one uplink, until a signal or the end of the source.

Threads, and who owns what:

- "capture" reads the source and fills a bounded queue; for a live source it never waits.
- "pipeline" empties the queue, and owns the pipeline and a connection to the store.
- "uplink" owns the connection to the broker and its own connection to the store.
- "metrics" answers on the loopback port, when there is one.
- The main thread starts them, feeds the watchdog, and stops them in the reverse order.
"""

from edge.daemon.listener import PipelineLike
from edge.daemon.service import run, serve
from edge.daemon.session import About
from edge.daemon.shift import Setup

__all__ = ["About", "PipelineLike", "Setup", "run", "serve"]
