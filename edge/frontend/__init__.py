"""int16 PCM -> integer features, the same bits in training, on the device and on a watch."""

from edge.frontend.build import build_tables
from edge.frontend.extractor import Frontend, resampler
from edge.frontend.spec import PRESETS, FrontendSpec
from edge.frontend.tables import FrontendTables, digest

__all__ = [
    "PRESETS",
    "Frontend",
    "FrontendSpec",
    "FrontendTables",
    "build_tables",
    "digest",
    "resampler",
]
