"""Peers that listen all the time on small devices, each as a program that hears a file.

The program is the peer's own loop as its documentation has it, fed a tenth of a second at a time
at real pace. None of them stores or publishes anything: what they cost is the listening alone.
"""

from dataclasses import dataclass
from importlib.util import find_spec

LISTENING = "listening"  # what the program prints when it is ready
_LOOP = """
import os, sys, time
import numpy as np, soundfile
{body}
file = soundfile.SoundFile(sys.argv[1])
print("listening", flush=True)
begin = time.monotonic()
for number, pcm in enumerate(file.blocks(1600, dtype="int16")):
    time.sleep(max(0, begin + number / 10 - time.monotonic()))
    hear(pcm)
time.sleep(60)
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """A peer.

    Attributes:
        name: for the table.
        module: that has to be installed.
        body: defines `hear(pcm)`, which takes int16 samples at 16 kHz.
        needs: environment variable with a file that it needs; empty when it needs none.
    """

    name: str
    module: str
    body: str
    needs: str = ""

    @property
    def program(self) -> str:
        """Python source; its argument is a recording."""
        return _LOOP.format(body=self.body)

    def missing(self, environment: dict[str, str]) -> str:
        """Why it can't run here; empty when it can."""
        if find_spec(self.module) is None:
            return f"{self.module} is not installed"
        if self.needs and self.needs not in environment:
            return f"{self.needs} names no file"
        return ""


LISTENERS = (
    Listener(
        "microWakeWord, frontend alone (pymicro-features)",
        "pymicro_features",
        """
from pymicro_features import MicroFrontend
frontend = MicroFrontend()
def hear(pcm):
    data = pcm.tobytes()
    for at in range(0, len(data) - 319, 320):
        frontend.process_samples(data[at : at + 320])
""",
    ),
    Listener(
        "microWakeWord, one wake word (pymicro-wakeword)",
        "pymicro_wakeword",
        """
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
word, frontend = MicroWakeWord.from_builtin(Model.OKAY_NABU), MicroWakeWordFeatures()
def hear(pcm):
    for features in frontend.process_streaming(pcm.tobytes()):
        word.process_streaming(features)
""",
    ),
    Listener(
        "openWakeWord, one wake word (pyopen-wakeword)",
        "pyopen_wakeword",
        """
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures
word, frontend = OpenWakeWord.from_builtin(Model.OKAY_NABU), OpenWakeWordFeatures.from_builtin()
def hear(pcm):
    for features in frontend.process_streaming(pcm.tobytes()):
        for _ in word.process_streaming(features):
            pass
""",
    ),
    Listener(
        "YAMNet, a window each 0.48 s (tflite-runtime)",
        "tflite_runtime",
        """
from tflite_runtime.interpreter import Interpreter
net = Interpreter(os.environ["YAMNET"], num_threads=1)
net.allocate_tensors()
index, kept = net.get_input_details()[0]["index"], np.zeros(0, np.float32)
def hear(pcm):
    global kept
    kept = np.concatenate([kept, pcm / np.float32(32768)])
    while len(kept) >= 15600:
        net.set_tensor(index, kept[:15600])
        net.invoke()
        kept = kept[7680:]
""",
        needs="YAMNET",
    ),
)
