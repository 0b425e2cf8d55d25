"""Errors that end a command: one clear sentence each, and the exit code of the contract.

The codes follow sysexits.h, so that a service manager can tell a mistake in the
configuration (do not restart) from a passing fault (do).
"""


class AirwayError(Exception):
    """A fault that a person can act on; its text names the value and the remedy."""

    exit_code = 70


class UsageError(AirwayError):
    """The command line asks for something that does not exist."""

    exit_code = 64


class BadInputError(AirwayError):
    """A recording, a bundle or a table is not what it claims to be."""

    exit_code = 65


class DeviceUnavailableError(AirwayError):
    """A microphone or an accelerator is not there."""

    exit_code = 69


class InputOutputError(AirwayError):
    """A file or a directory can't be read or written."""

    exit_code = 74


class TryAgainError(AirwayError):
    """A passing fault: the same call may succeed later."""

    exit_code = 75


class ConfigError(AirwayError):
    """The configuration is wrong; the text lists every error in it."""

    exit_code = 78


def how_to_install(extra: str) -> str:
    """What to do where a part of Airway was not installed; no package index has it."""
    return f"in Airway's checkout: pip install '.[{extra}]'"
