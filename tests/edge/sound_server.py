"""A PulseAudio server of a test's own, with a virtual microphone that comes and goes.

The microphone is a null sink whose monitor is recorded.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

RATE_HZ = 16_000
_TOOLS = ("pulseaudio", "pactl", "pacat")


def missing() -> str:
    """What the machine lacks for a virtual microphone, in words; empty when all is there."""
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if find_spec("pyaudio") is None:
        lacking.append("PyAudio")
    return f"not installed: {', '.join(lacking)}" if lacking else ""


class Server:
    """A PulseAudio process with virtual microphones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without any sound device."""
        socket = self._folder / "pulse.sock"
        socket.unlink(missing_ok=True)
        words = "--system=false --daemonize=no --exit-idle-time=-1 --disable-shm=true -n -L"
        self._process = subprocess.Popen(
            [
                "pulseaudio",
                *words.split(),
                f"module-native-protocol-unix socket={socket} auth-anonymous=1",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + 15
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def plug(self, rate_hz: int = RATE_HZ, channels: int = 1) -> None:
        """Add the microphone "vmic.monitor"."""
        form = f"rate={rate_hz} channels={channels} format=s16le"
        self.pactl("load-module", "module-null-sink", "sink_name=vmic", *form.split())

    def unplug(self) -> None:
        """Take it away."""
        self.pactl("unload-module", "module-null-sink")

    def play(self, pcm: np.ndarray, rate_hz: int = RATE_HZ) -> "subprocess.Popen[bytes]":
        """Play a second of lead-in and int16 [samples, channels] into it, once."""
        # The server has rendered silence ahead, and drops the begin of what then starts.
        lead = np.ones((rate_hz, pcm.shape[1]), np.int16)
        path = self._folder / "played.raw"
        path.write_bytes(lead.tobytes() + pcm.tobytes())
        form = ["--format=s16le", f"--rate={rate_hz}", f"--channels={pcm.shape[1]}"]
        return subprocess.Popen(["pacat", "--playback", "--raw", *form, "-d", "vmic", path])

    def pactl(self, *words: str) -> None:
        """Tell the server something."""
        subprocess.run(["pactl", *words], check=True, capture_output=True, timeout=20)


@contextmanager
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose microphone is plugged in, and is ALSA's default."""
    (folder / "run").mkdir(mode=0o700)
    (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/pulse.sock")
    server = Server(folder)
    server.start()
    try:
        server.plug()
        yield server
    finally:
        server.kill()
