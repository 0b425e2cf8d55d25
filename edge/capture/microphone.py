"""A microphone that comes and goes, as one unbroken session of blocks."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np

from edge.capture.cards import choose, sound_cards, stable_name
from edge.capture.process import Captured, CaptureProcess
from edge.capture.sampleclock import SampleClock
from edge.errors import DeviceUnavailableError
from edge.frontend.resample import Resampler
from edge.records import AudioBlock, Pcm

_logger = logging.getLogger(__name__)

# Tried after the rate that the settings name; what is above 16 kHz first, since a rate can
# be lowered without a loss.
RATES_HZ = (48_000, 44_100, 32_000, 96_000, 88_200, 22_050, 24_000, 16_000, 192_000, 11_025, 8_000)
# A sound server may take 2 s for the first block. A device that was pulled out may also just
# say nothing more, for ever.
SILENT_S = 5.0
# Before the first and each later attempt to find a microphone that is away: an attempt costs a
# small board a second of work. A card that is plugged in ends the wait.
_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_STOP_CHECK_S = 0.2
# What is not delivered is told in pieces of this length, so that no piece is large. The
# clock of what is away stays as far behind, since its first block will be older than now.
_AWAY_S = 1.0


@dataclass(frozen=True, slots=True)
class MicrophoneFigures:
    """What a microphone tells of itself.

    Attributes:
        device: its stable name; empty while it is away.
        overruns: how often the device said that it lost samples.
        reopened: how often it was opened again.
        drift_ppm: rate of its clock less that of the system; None until it is known.
        lag_s: seconds by which its clock has fallen behind the system's since the start.
    """

    device: str
    overruns: int
    reopened: int
    drift_ppm: float | None
    lag_s: float


class Microphone:
    """A sound device, by its stable name.

    It is opened at once, so that a wrong name is refused before anything else begins, and
    its rate is then the session's. When the device goes away, `blocks` looks for it until
    it is back, and counts the time as lost; when it comes back with another rate (another
    device of that name), it is converted to the first one.

    Args:
        wanted: `source.device`: part of a card's name, its ALSA id, "usb:<path>",
            "pulse:<source>", or "" for the system's default.
        rate_hz: the rate to ask for first.
        channels: the number of channels to ask for first; they are mixed by their mean.
        blocks_per_second: how often a block comes.

    Attributes:
        rate_hz: what `blocks` delivers.

    Raises:
        DeviceUnavailableError: no such device, or it can't be opened.
    """

    def __init__(self, wanted: str, rate_hz: int, channels: int, blocks_per_second: int) -> None:
        self._wanted = wanted
        self._formats = (rate_hz, channels)
        self._blocks_per_second = blocks_per_second
        self._device = ""
        self._overruns = 0
        self._opened = 0
        self._clock: SampleClock | None = None
        self._again = threading.Event()
        self._process, self.rate_hz = self._open()

    def close(self) -> None:
        """Let the device go; `blocks` does so at its own end."""
        self._process.close()

    def reopen(self) -> None:
        """Open the device anew, soon; any thread may ask."""
        self._again.set()

    def figures(self) -> MicrophoneFigures:
        """What is known now."""
        clock = self._clock
        return MicrophoneFigures(
            device=self._device,
            overruns=self._overruns,
            reopened=max(0, self._opened - 1),
            drift_ppm=clock.drift_ppm if clock else None,
            lag_s=clock.lag_s if clock else 0.0,
        )

    def blocks(self, stop: threading.Event, clock: Callable[[], float]) -> Iterator[AudioBlock]:
        """Record until `stop` is set.

        Args:
            stop: ends the iteration within `_STOP_CHECK_S`, an attempt to open apart.
            clock: `elapsed_s`, with which the capture process stamps its blocks.

        Yields:
            Blocks whose `start` counts from the first call, gaps included. While the device
            is away, empty ones that carry what was lost.
        """
        time = self._clock = SampleClock(self.rate_hz, clock())
        rate_hz = self.rate_hz
        failures = 0
        try:
            while not stop.is_set():
                try:
                    if failures:
                        self._process, rate_hz = self._open()
                    for block in self._stream(time, rate_hz, stop):
                        failures = 0
                        yield block
                    failures = 1
                except DeviceUnavailableError as error:
                    if not failures:
                        _logger.warning("the microphone is away, and looked for: %s", error)
                    failures += 1
                self._device = ""
                self._process.close()
                failures = yield from self._wait(time, failures, stop, clock)
        finally:
            self.close()

    def _open(self) -> tuple[CaptureProcess, int]:
        """Start a recording; the process that makes it, and its rate."""
        process = CaptureProcess(self._wanted)
        try:
            cards = sound_cards()
            device = choose(self._wanted, process.devices, cards)
            wanted_hz, wanted_channels = self._formats
            counts = [wanted_channels, 1, 2, device.channels]
            formats = [
                (rate_hz, channels)
                for rate_hz in dict.fromkeys((wanted_hz, *RATES_HZ, device.rate_hz))
                for channels in dict.fromkeys(min(count, device.channels) for count in counts)
            ]
            rate_hz, channels = process.record(device, formats, self._blocks_per_second)
        except DeviceUnavailableError:
            process.close()
            raise
        self._device = stable_name(device, cards)
        self._opened += 1
        self._again.clear()
        _logger.info("recording from %s, %d Hz, %d channels", self._device, rate_hz, channels)
        return process, rate_hz

    def _stream(
        self, time: SampleClock, rate_hz: int, stop: threading.Event
    ) -> Iterator[AudioBlock]:
        """One recording, until the device goes away, `reopen` is called or `stop` is set."""
        resampler = Resampler(rate_hz, self.rate_hz)
        time.open()
        expected = 0
        quiet_s = 0.0
        while not stop.is_set() and not self._again.is_set():
            captured = self._process.read(_STOP_CHECK_S)
            if captured is None:
                quiet_s += _STOP_CHECK_S
                if quiet_s >= SILENT_S:
                    raise DeviceUnavailableError(f"it delivered nothing for {SILENT_S:.0f} s")
                continue
            quiet_s = 0.0
            skipped = (captured.first - expected) * self.rate_hz // rate_hz
            expected = captured.first + len(captured.pcm)
            self._overruns += captured.overrun
            yield from self._placed(time, captured, resampler.push(captured.pcm), skipped)

    def _placed(
        self, time: SampleClock, captured: Captured, pcm: Pcm, skipped: int
    ) -> Iterator[AudioBlock]:
        """The block at its place, with what was lost before it."""
        if time.end == 0:  # what was recorded before the session began is nobody's
            skipped = 0
            pcm = pcm[max(0, len(pcm) - time.due(captured.stamp_s)) :]
        if len(pcm):
            lost = time.place(captured.stamp_s, len(pcm), skipped=skipped, overrun=captured.overrun)
            yield AudioBlock(pcm, self.rate_hz, time.end - len(pcm), lost)

    def _wait(
        self,
        time: SampleClock,
        failures: int,
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> Generator[AudioBlock, None, int]:
        """Until the next attempt, tell what is lost meanwhile; returns the failures that count."""
        nothing = np.zeros(0, np.int16)
        cards = sound_cards()
        until_s = clock() + _RETRY_S[min(failures, len(_RETRY_S)) - 1]
        while not stop.is_set():
            lost = time.lost_until(clock() - _AWAY_S)
            if lost:
                yield AudioBlock(nothing, self.rate_hz, time.end, lost)
            if clock() >= until_s:
                break
            stop.wait(_STOP_CHECK_S)
            if sound_cards() != cards:
                return 1
        return failures
