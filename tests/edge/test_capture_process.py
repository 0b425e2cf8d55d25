"""The process that holds the sound libraries: its crashes, its hangs, its words, its end.

The sound server is this test's own, in a folder of its own; see `sound_server`.
"""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from listening import Listening, delivered, noise
from sound_server import RATE_HZ, missing

from edge.capture import Microphone, list_inputs
from edge.capture import process as process_module
from edge.capture.cards import sound_cards
from edge.capture.process import CaptureProcess
from edge.errors import DeviceUnavailableError

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def test_a_capture_process_that_crashes_is_replaced(server):
    """A crash inside the sound libraries costs a second of sound, not the night."""
    with Listening() as listening:
        listening.until(delivered)
        assert listening.source.microphone is not None
        listening.source.microphone._process._process.send_signal(signal.SIGSEGV)
        listening.until(lambda block: block.lost > 0)
        listening.until(delivered)
        assert listening.feeder.figures().reopened == 1
        assert -0.1 < listening.behind_s < 2.5


def test_a_capture_process_that_is_held_up_loses_nothing(server):
    """What the sound server kept meanwhile comes late and all at once, and is no loss."""
    with Listening() as listening:
        listening.until(lambda block: delivered(block) and block.start > RATE_HZ)
        assert listening.source.microphone is not None
        process = listening.source.microphone._process._process
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        process.send_signal(signal.SIGCONT)
        end = len(listening.pcm)
        listening.until(lambda block: block.start > end + 4 * RATE_HZ)
        assert -0.1 < listening.behind_s < 1.0
        assert sum(block.lost > 0 for block in listening.heard) <= 1  # until the device was open


def test_what_the_capture_process_must_drop_is_counted(server):
    """A reader that was held up for longer than the queues are is told what it missed."""
    rate_hz, block = 48_000, 240
    with CaptureProcess("pulse:vmic.monitor") as process:
        (device,) = [each for each in process.devices if each.name == "pulse"]
        assert process.record(device, [(rate_hz, 1)], rate_hz // block) == (rate_hz, 1)
        assert process.read(10.0) is not None
        time.sleep(2.5)  # the pipe holds 0.7 s of it, and the queue of 100 blocks half a second
        gaps, end, late_s = [], block, []
        while len(late_s) < 700:
            captured = process.read(10.0)
            assert captured is not None
            if captured.first != end:
                gaps.append(captured.first - end)
            end = captured.first + len(captured.pcm)
            late_s.append(captured.stamp_s - end / rate_hz)
    (gap,) = gaps
    assert gap % block == 0
    assert gap > rate_hz
    assert late_s[0] == pytest.approx(late_s[-1], abs=0.3)  # the index went on with the clock


def test_a_wrong_name_is_refused_with_what_is_there(server):
    """Code 69, the value and the names that would do."""
    with pytest.raises(DeviceUnavailableError, match=r'"usb:9-9"; there are .*"default"'):
        Microphone("usb:9-9", RATE_HZ, 1, 10)
    with pytest.raises(DeviceUnavailableError, match=r"can't be opened: .*[a-z]{4}"):
        Microphone("pulse:no-such-source", RATE_HZ, 1, 10)


@pytest.mark.skipif(bool(sound_cards()), reason="this machine has a sound card")
def test_without_a_sound_system_there_is_no_microphone(monkeypatch, tmp_path):
    """No card and no server: one sentence, code 69."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    with pytest.raises(DeviceUnavailableError, match="plug one in"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_crash_in_the_sound_libraries_is_told(monkeypatch, tmp_path):
    """PortAudio aborts when ALSA's configuration is missing; only the capture process ends."""
    (tmp_path / "pyaudio.py").write_text("import os\nos.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DeviceUnavailableError, match="crashed with signal 6"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_sound_system_that_hangs_is_given_up(monkeypatch, tmp_path):
    """No answer in time: it is said, and the process is killed."""
    (tmp_path / "pyaudio.py").write_text("import time\ntime.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process_module, "_ANSWER_S", 0.3)
    began_s = time.monotonic()
    with pytest.raises(DeviceUnavailableError, match="did not answer for"):
        Microphone("", RATE_HZ, 1, 10)
    assert time.monotonic() - began_s < 5


def test_without_pyaudio_the_remedy_is_said(monkeypatch):
    """Not installed, or without its library: how to get it."""
    monkeypatch.setattr(process_module, "find_spec", lambda name: None)
    with pytest.raises(DeviceUnavailableError, match=r"pip install '\.\[mic\]'"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_library_that_is_missing_is_named(monkeypatch, tmp_path):
    """PyAudio is there and its library is not: the loader's own words are passed on."""
    (tmp_path / "pyaudio.py").write_text("raise ImportError('libportaudio.so.2: not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DeviceUnavailableError, match=r"libportaudio\.so\.2: not found"):
        list_inputs()


def test_the_capture_process_ends_with_its_parent(server, tmp_path):
    """A parent that is killed leaves no recording behind."""
    script = (
        "import time, sys; from edge.capture import Microphone\n"
        "m = Microphone('pulse:vmic.monitor', 16000, 1, 10)\n"
        "print(m._process._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline_s = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        # An orphan that nobody reaps stays in the table, as a zombie.
        if "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def drained(terminal: int) -> None:
    """Read until the other end of a terminal is closed."""
    with contextlib.suppress(OSError):  # how Linux tells it
        while os.read(terminal, 1_000):
            pass


def test_devices_lists_and_meters(server):
    """`airway devices` lists, as text and as JSON; the meter writes in place until Ctrl-C."""
    command = [sys.executable, "-m", "edge.cli", "devices"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PULSE_SOURCE": "vmic.monitor"}
    run = {"env": environment, "capture_output": True, "text": True, "timeout": 60, "check": True}
    text = subprocess.run(command, **run).stdout
    assert '"default"  default' in text
    lines = subprocess.run([*command, "--json"], **run).stdout.splitlines()
    inputs = {found["name"]: found for found in map(json.loads, lines)}
    assert {"type", "name", "title", "channels", "rates_hz", "default"} == set(inputs["pulse"])
    assert 44_100 in inputs["pulse"]["rates_hz"]
    assert inputs["default"]["default"] is True
    controller, terminal = pty.openpty()
    meter = subprocess.Popen(
        [*command, "--meter"],
        env=environment,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        # Tests that a shell runs in its background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(terminal)
    server.play(noise(20.0))
    shown = b""
    deadline_s = time.monotonic() + 30
    while shown.count(b"\r[###") < 3 and time.monotonic() < deadline_s:
        shown += os.read(controller, 1_000)
    meter.send_signal(signal.SIGINT)
    # Its last words must find room: a terminal that nobody reads from holds a writer up.
    draining = threading.Thread(target=drained, args=(controller,), daemon=True)
    draining.start()
    assert meter.wait(60) == 0
    draining.join(10)
    os.close(controller)
    assert shown.count(b"\r[###") >= 3
    assert b"\n" not in shown
