"""The history at home: events, coverage and the outbox in one SQLite file."""

from edge.messages import OutboxRow
from edge.store.history import Store, Summary

__all__ = ["OutboxRow", "Store", "Summary"]
