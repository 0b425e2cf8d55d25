"""The parent's end of the capture process, with a limit on every wait."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge.capture.cards import PULSE, Device
from edge.capture.mix import mono
from edge.capture.recorder import HEADER
from edge.errors import DeviceUnavailableError, how_to_install
from edge.records import Pcm

# A sound server that is just starting, or a JACK library that looks for one, takes seconds.
_ANSWER_S = 10.0
_READ_BYTES = 1 << 16  # what a pipe holds


@dataclass(frozen=True, slots=True)
class Captured:
    """A block as the device delivered it.

    Attributes:
        pcm: int16 [samples], mono.
        stamp_s: when the block was complete, seconds of `elapsed_s`.
        first: index of its first sample in this recording.
        overrun: the device lost samples since the block before.
    """

    pcm: Pcm
    stamp_s: float
    first: int
    overrun: bool


class CaptureProcess:
    """A process that lists the inputs and records from one; see `edge.capture.recorder`.

    Args:
        wanted: `source.device`; "pulse:NAME" names a source of the sound server.

    Raises:
        DeviceUnavailableError: PyAudio is not installed or can't start.
    """

    def __init__(self, wanted: str = "") -> None:
        if find_spec("pyaudio") is None:
            raise DeviceUnavailableError(
                f"a microphone needs PyAudio, which is not installed; {how_to_install('mic')} "
                "(on Debian, after apt install portaudio19-dev)"
            )
        environment = {**os.environ, "JACK_NO_START_SERVER": "1"}
        if wanted.startswith(PULSE):
            environment["PULSE_SOURCE"] = wanted.removeprefix(PULSE)
        script = Path(__file__).with_name("recorder.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # ALSA and JACK fill it with what is not an error
            bufsize=0,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which ends this in good order
        )
        self._end = weakref.finalize(self, _end, self._process)
        self._pending = bytearray()
        self._channels = 0
        assert self._process.stdout is not None
        self._poll = select.poll()
        self._poll.register(self._process.stdout, select.POLLIN)
        self.devices = [Device(**device) for device in self._answer()["devices"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it does; nothing happens the second time."""
        self._end()

    def rates(self, device: Device, channels: int, rates: list[int]) -> list[int]:
        """Those of `rates`, in hertz, that a device offers; none when it is in use."""
        of = {"index": device.index, "channels": channels, "rates": rates}
        found: list[int] = self._ask({"do": "rates", "of": of})["rates"]
        return found

    def record(
        self, device: Device, formats: list[tuple[int, int]], blocks_per_second: int
    ) -> tuple[int, int]:
        """Begin to record; `read` then gives the blocks.

        Args:
            device: one of `devices`.
            formats: (rate in hertz, channels), the best first.
            blocks_per_second: how often a block comes.

        Returns:
            The first format that the device took.
        """
        answer = self._ask(
            {
                "do": "record",
                "index": device.index,
                "formats": formats,
                "blocks_per_second": blocks_per_second,
            }
        )
        self._channels = answer["channels"]
        return answer["rate_hz"], self._channels

    def read(self, timeout_s: float) -> Captured | None:
        """The next block, or None when none came in time.

        Raises:
            DeviceUnavailableError: there will be no more.
        """
        deadline_s = time.monotonic() + timeout_s
        if not self._fill(HEADER.size, deadline_s):
            return None
        stamp_s, first, count, overrun = HEADER.unpack_from(self._pending)
        if not self._fill(HEADER.size + count, deadline_s):
            return None
        data = bytes(self._pending[HEADER.size : HEADER.size + count])
        del self._pending[: HEADER.size + count]
        values = np.frombuffer(data, dtype=np.int16).reshape(-1, self._channels)
        return Captured(mono(values, 1.0), stamp_s, first, overrun)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError as error:
            raise self._gone() from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        deadline_s = time.monotonic() + _ANSWER_S
        while (end := self._pending.find(b"\n")) < 0:
            if not self._fill(len(self._pending) + 1, deadline_s):
                self.close()
                raise DeviceUnavailableError(
                    f"the sound system did not answer for {_ANSWER_S:.0f} s; restart it, or pull "
                    "the microphone out and plug it in again"
                )
        answer: dict[str, Any] = json.loads(self._pending[:end])
        del self._pending[: end + 1]
        if "error" in answer:
            self.close()
            raise DeviceUnavailableError(
                f"the microphone can't be opened: {answer['error']}; see airway devices"
            )
        return answer

    def _fill(self, count: int, deadline_s: float) -> bool:
        """Read until `count` bytes are pending; false when time is up."""
        assert self._process.stdout is not None
        while len(self._pending) < count:
            wait_s = deadline_s - time.monotonic()
            if not self._poll.poll(max(0, 1000 * wait_s)):
                return False
            data = os.read(self._process.stdout.fileno(), _READ_BYTES)
            if not data:
                raise self._gone()
            self._pending += data
        return True

    def _gone(self) -> DeviceUnavailableError:
        self.close()
        code = self._process.returncode
        if code is not None and code < 0:
            return DeviceUnavailableError(
                f"the sound system crashed with signal {-code}; see airway devices"
            )
        return DeviceUnavailableError(
            "the microphone was unplugged, or its sound server ended; plug it in again"
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """It leaves when its input closes, unless it hangs in the sound system."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: leave it
            process.wait(2.0)
