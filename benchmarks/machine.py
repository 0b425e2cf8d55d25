"""The machine that a benchmark ran on, in words, with what else it had to do."""

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Architecture, processor, cores and the load before the start, in one line."""
    try:
        said = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        said = ""
    name = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", said, re.MULTILINE)
    words = [platform.machine(), *([name[1].strip()] if name else []), f"{os.cpu_count()} cores"]
    return f"{', '.join(words)}; load {os.getloadavg()[0]:.1f} before the start"
