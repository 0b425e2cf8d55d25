"""The history at home: events, coverage and the outbox in one SQLite file."""

from edge.messages import OutboxRow
from edge.store.database import DamagedError
from edge.store.history import Store
from edge.store.hours import Span
from edge.store.lock import claimed
from edge.store.nights import SPELL_GAP_S, Summary
from edge.store.reading import Reader, SessionStart, StoredEvent
from edge.store.rescue import ensure_sound
from edge.store.retention import Pruned
from edge.store.space import is_full

__all__ = [
    "SPELL_GAP_S",
    "DamagedError",
    "OutboxRow",
    "Pruned",
    "Reader",
    "SessionStart",
    "Span",
    "Store",
    "StoredEvent",
    "Summary",
    "claimed",
    "ensure_sound",
    "is_full",
]
