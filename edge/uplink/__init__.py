"""From the outbox to the broker: nothing lost, and nothing that waits on the network."""

from edge.uplink.delivery import Counters, Outbox
from edge.uplink.service import Uplink

__all__ = ["Counters", "Outbox", "Uplink"]
