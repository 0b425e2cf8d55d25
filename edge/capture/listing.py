"""What a person sees of the microphones: which there are, and how loud it is at one."""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.capture.cards import no_microphone, sound_cards, stable_name
from edge.capture.elapsed import elapsed_s
from edge.capture.microphone import RATES_HZ, Microphone
from edge.capture.process import CaptureProcess
from edge.records import Pcm

FLOOR_DBFS = -90.0  # below the last bit of 16
METER_PER_SECOND = 10
METER_RATE_HZ = 16_000
_LINE = 79  # overwrites what a longer line left in the terminal


@dataclass(frozen=True, slots=True)
class Input:
    """One microphone, or a way to one.

    Attributes:
        name: what to write as `source.device`.
        title: what its maker calls it.
        channels: how many it has at most.
        rates_hz: what it offers, ascending; none while another program holds it.
        default: it is what "" means.
    """

    name: str
    title: str
    channels: int
    rates_hz: list[int]
    default: bool

    def __str__(self) -> str:
        rates = " ".join(map(str, self.rates_hz)) or "in use, rates unknown:"
        default = ', the default, which "" takes too' if self.default else ""
        return f'"{self.name}"  {self.title}, up to {self.channels} channels, {rates} Hz{default}'


def list_inputs() -> list[Input]:
    """Every input that is there now.

    Raises:
        DeviceUnavailableError: there is none, PyAudio is not installed, or the sound system
            fails.
    """
    cards = sound_cards()
    with CaptureProcess() as process:
        if not process.devices:
            raise no_microphone()
        return [
            Input(
                name=stable_name(device, cards),
                title=device.title,
                channels=device.channels,
                rates_hz=sorted(process.rates(device, min(device.channels, 2), list(RATES_HZ))),
                default=device.default,
            )
            for device in process.devices
        ]


def meter_lines(device: str) -> Iterator[str]:
    """The level at a microphone, `METER_PER_SECOND` lines a second without an end.

    Raises:
        DeviceUnavailableError: no such device, or it can't be opened.
    """
    microphone = Microphone(device, METER_RATE_HZ, 1, METER_PER_SECOND)
    for block in microphone.blocks(threading.Event(), elapsed_s):
        yield (
            meter_line(block.pcm)
            if len(block.pcm)
            else "no sound: the microphone is away".ljust(_LINE)
        )


def level_dbfs(value: float) -> float:
    """A magnitude on the scale of int16 -> decibels below full scale, at least `FLOOR_DBFS`."""
    return max(FLOOR_DBFS, 20 * math.log10(value / 32_768)) if value > 0 else FLOOR_DBFS


def meter_line(pcm: Pcm, width: int = 38) -> str:
    """A block as one line of a level meter.

    Args:
        pcm: int16 [samples], at least one.
        width: of the bar, in characters.

    Returns:
        A bar from `FLOOR_DBFS` to 0 (root mean square, with a mark at the peak), both as
        numbers, and a word when something is wrong.
    """
    values = pcm.astype(np.float64)
    peak = float(np.abs(values).max())
    rms_dbfs, peak_dbfs = level_dbfs(math.sqrt(float(np.mean(values**2)))), level_dbfs(peak)
    bar = ["#" if k < _column(rms_dbfs, width) else "." for k in range(width)]
    bar[min(width - 1, _column(peak_dbfs, width))] = "|"
    word = "CLIPPED" if peak >= 32_767 else "ZEROS" if peak == 0 else ""
    return f"[{''.join(bar)}] rms {rms_dbfs:6.1f}  peak {peak_dbfs:6.1f} dBFS  {word:<7}"


def _column(dbfs: float, width: int) -> int:
    return round((dbfs - FLOOR_DBFS) / -FLOOR_DBFS * width)
