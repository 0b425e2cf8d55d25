"""Nights -> baseline, change, alert. A screening aid, not a diagnosis.

No clock, no file: the caller brings the nights, as the store keeps them.
"""

from edge.trend.rate import Rate, rate
from edge.trend.view import Change, NightView, Verdict, judge, views
from edge.trend.words import reason

__all__ = ["Change", "NightView", "Rate", "Verdict", "judge", "rate", "reason", "views"]
