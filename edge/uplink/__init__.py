"""From the outbox to the broker: nothing lost, and nothing that waits on the network."""

from edge.uplink.delivery import Outbox
from edge.uplink.service import Counters, Uplink

__all__ = ["Counters", "Outbox", "Uplink"]
