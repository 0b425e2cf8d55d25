"""The process that holds the sound device: run as a script, it never imports the rest.

ALSA, PulseAudio and PortAudio can hang or crash in a call that Python can't interrupt, and
PortAudio lists the devices once, when it is initialised. In a process of its own a hang
ends with a kill, a crash is one more missing microphone, and each start sees the devices
that are there now. Without NumPy it is small.

It speaks JSON lines on standard output and takes JSON lines on standard input, until it is
told to record; from then on it writes blocks: a `HEADER` and the interleaved int16 samples,
in the machine's byte order. It ends when its standard input closes.
"""

import json
import os
import queue
import struct
import sys
import threading
import time
from typing import Any, NoReturn

# When the block was complete, index of its first frame in this recording (indices count on
# through blocks that found the queue full), bytes, whether samples were lost in the device since
# the block before.
HEADER = struct.Struct("<dQI?")
QUEUE_BLOCKS = 100  # 10 s; the reader was stopped or starved for longer, and audio is dropped
_ALIVE_CHECK_S = 0.5


def main() -> None:
    """Serve one parent process."""
    try:
        import pyaudio
    except ImportError as error:
        _end({"error": f"PyAudio can't be loaded ({error})"})
    try:
        audio = pyaudio.PyAudio()
        _say({"devices": _inputs(audio)})
        for line in iter(sys.stdin.readline, ""):
            request = json.loads(line)
            if request["do"] == "record":
                _record(audio, pyaudio, request)
            _say({"rates": _rates(audio, pyaudio, **request["of"])})
    except (OSError, ValueError) as error:
        _end({"error": _words(error)})


def _now_s() -> float:
    """The session's clock: `elapsed_s`, which is out of this script's reach."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _inputs(audio: Any) -> list[dict[str, Any]]:
    """Every device with an input."""
    try:
        default = audio.get_default_input_device_info()["index"]
    except OSError:
        default = None
    infos = [audio.get_device_info_by_index(k) for k in range(audio.get_device_count())]
    return [
        {
            "index": info["index"],
            "name": _text(info["name"]),
            "channels": info["maxInputChannels"],
            "rate_hz": round(info["defaultSampleRate"]),
            "default": info["index"] == default,
        }
        for info in infos
        if info["maxInputChannels"] > 0
    ]


def _text(name: str | bytes) -> str:
    """PyAudio gives bytes when a name is not valid in the locale's encoding."""
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def _words(error: OSError | ValueError) -> str:
    """PortAudio's words and number, which PyAudio gives in either order."""
    return " ".join(str(part) for part in error.args)


def _rates(audio: Any, pyaudio: Any, index: int, channels: int, rates: list[int]) -> list[int]:
    """Those of `rates` that the device offers."""
    found = []
    for rate_hz in rates:
        try:
            audio.is_format_supported(
                rate_hz,
                input_device=index,
                input_channels=channels,
                input_format=pyaudio.paInt16,
            )
        except ValueError:
            continue
        found.append(rate_hz)
    return found


def _record(audio: Any, pyaudio: Any, request: dict[str, Any]) -> NoReturn:
    """Record in the first format that the device takes, until standard input closes."""
    blocks: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    frame = 0

    def keep(data: bytes, frames: int, _: Any, flags: int) -> tuple[None, int]:
        nonlocal frame
        if blocks.qsize() < QUEUE_BLOCKS:
            overrun = bool(flags & pyaudio.paInputOverflow)
            blocks.put((HEADER.pack(_now_s(), frame, len(data), overrun), data))
        frame += frames
        return None, int(pyaudio.paContinue)

    problem = "it offers no format"
    for rate_hz, channels in request["formats"]:
        try:
            stream = audio.open(
                rate=rate_hz,
                channels=channels,
                format=pyaudio.paInt16,
                input=True,
                input_device_index=request["index"],
                frames_per_buffer=max(1, rate_hz // request["blocks_per_second"]),
                stream_callback=keep,
                start=False,
            )
        except (OSError, ValueError) as error:
            problem = _words(error)
            continue
        _say({"rate_hz": rate_hz, "channels": channels})
        threading.Thread(target=_leave_with_parent, daemon=True).start()
        stream.start_stream()
        while True:
            try:
                for part in blocks.get(timeout=_ALIVE_CHECK_S):
                    _write(part)
            except queue.Empty:
                if not stream.is_active():
                    sys.exit(1)  # the device went away
    _end({"error": problem})


def _leave_with_parent() -> None:
    """End when standard input closes; to close the device in good order could take for ever."""
    while sys.stdin.readline():
        pass
    os._exit(0)


def _say(message: dict[str, Any]) -> None:
    _write(json.dumps(message).encode() + b"\n")


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def _end(message: dict[str, Any]) -> NoReturn:
    _say(message)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
