"""How a program begins and ends: its outputs, one sentence for each error, and its exit code."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from edge.errors import AirwayError, InputOutputError, UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and where help is."""
        raise UsageError(f"{message}; see {self.prog} --help")


def run_program(name: str, work: Callable[[], int]) -> int:
    """Do the work of a program, and tell what ended it.

    Args:
        name: of the program, which stands in front of its errors.
        work: parses the command line and runs the command; returns its exit code.

    Returns:
        The exit code.
    """
    with _forgiven(sys.stderr) as errors, contextlib.redirect_stderr(errors):
        if sys.stdout is None:
            say_error("standard output is closed; send it to a file or to /dev/null", name)
            return InputOutputError.exit_code
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A file's name may be in no encoding; \udcff is also how JSON writes such a byte.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            code = work()
            sys.stdout.flush()
            return code
        except AirwayError as error:
            say_error(error, name)
            return error.exit_code
        except BrokenPipeError:
            _drop_unwritable(sys.stdout)  # the reader left
            return InputOutputError.exit_code
        except OSError as error:
            say_error(f"{error.strerror or error}: {error.filename or 'output'}", name)
            _drop_unwritable(sys.stdout)
            return InputOutputError.exit_code
        except KeyboardInterrupt:
            return 130


def say_error(error: object, program: str = "airway") -> None:
    """One sentence on standard error."""
    sys.stderr.write(f"{program}: {error}\n")
    sys.stderr.flush()


class _Forgiving:
    """A stream: what it does not take is lost, and nothing else is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


@contextlib.contextmanager
def _forgiven(stream: TextIO | None) -> Iterator[TextIO]:
    """Standard error as a program may use it: progress and errors must not end what they tell of.

    What goes to one that was closed before the start goes nowhere.
    """
    written = stream or Path(os.devnull).open("w")  # noqa: SIM115 - until the program ends
    try:
        yield cast(TextIO, _Forgiving(written))
    finally:
        if stream is not None:
            _drop_unwritable(stream)


def _drop_unwritable(stream: TextIO) -> None:
    """Forget what can't be written: the interpreter would try again, and end with its own code."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
