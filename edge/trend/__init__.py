"""Nights -> baseline, change, alert. A screening aid, not a diagnosis.

No clock, no file: the caller brings the nights, as the store keeps them.
"""

from edge.trend.rate import Rate, rate
from edge.trend.view import LABEL, NightView, views

__all__ = ["LABEL", "NightView", "Rate", "rate", "views"]
