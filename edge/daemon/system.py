"""What the daemon asks the operating system about the clock and about itself."""

import ctypes
import os
from pathlib import Path

# No device of this project existed before; a clock without a battery starts in 1970.
_EARLIEST_UNIX_S = 1_735_689_600  # 2025-01-01
_LATEST_UNIX_S = 4_102_444_800  # 2100-01-01
# `adjtimex` returns the state of the clock: 0 to 4 synchronised, 5 not, -1 not told.
_CLOCK_NOT_SYNCHRONISED = 5
_TIMEX_BYTES = 512  # `struct timex` has 208 at most; zeros in it mean: only look


def plausible(unix_s: float) -> bool:
    """Whether this can be the present, seconds since 1970."""
    return _EARLIEST_UNIX_S <= unix_s < _LATEST_UNIX_S


def clock_synced(unix_s: float) -> bool:
    """Whether the system clock can be trusted to tell UTC; false when in doubt.

    Args:
        unix_s: what the clock says, seconds since 1970.
    """
    if not plausible(unix_s):
        return False
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # not Linux
        return False
    return 0 <= state < _CLOCK_NOT_SYNCHRONISED


def resident_bytes() -> int:
    """Memory of this process that is in RAM now, bytes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
