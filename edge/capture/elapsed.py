"""The clock of a session: it never steps, and goes on while the machine is suspended."""

import time


def elapsed_s() -> float:
    """Seconds since the machine was started, those that it slept included.

    CLOCK_MONOTONIC stands still in a suspended machine: what was heard before it slept would
    then be told to have happened hours later, since only the wall clock went on.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
