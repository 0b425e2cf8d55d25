"""YAMNet as a teacher: what it makes of a scene, beside our own labels.

Its 521 scores name sounds that our labels only call `other`, music and speech among them. A
student that has to tell them apart learns what a cough is not. Source of the idea: Hinton et
al., Distilling the knowledge in a neural network, 2015.
"""

import hashlib
import importlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.classifier import MODULES
from edge.errors import BadInputError, InputOutputError

RATE_HZ, WINDOW_SAMPLES = 16_000, 15_600
CLASSES = 521
# A window each half second: the student is asked about as many steps as a window is long.
HOP_STEPS, WINDOW_STEPS = 12, 24
HOP_SAMPLES = 7_680


class Teacher:
    """Scores of AudioSet's classes, window by window."""

    def __init__(self, model: Path) -> None:
        """Load YAMNet's TFLite file.

        Raises:
            InputOutputError: the file can't be read.
            BadInputError: it is not YAMNet.
        """
        content = read_yamnet(model, "--teacher")
        module = importlib.import_module(MODULES["litert"])
        try:
            self._net = module.Interpreter(model_content=content, num_threads=1)
            self._net.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadInputError(f"{model} is no TFLite model: {error}") from error
        asked, answers = self._net.get_input_details()[0], self._net.get_output_details()
        if asked["shape"].prod() != WINDOW_SAMPLES or answers[0]["shape"][-1] != CLASSES:
            raise BadInputError(
                f"{model} takes {asked['shape'].prod()} samples and gives "
                f"{answers[0]['shape'][-1]} scores; YAMNet takes {WINDOW_SAMPLES} and gives "
                f"{CLASSES}"
            )
        self._asked, self._answer = asked, answers[0]["index"]

    def scores(self, pcm: NDArray[np.int16], hop: int = HOP_SAMPLES) -> NDArray[np.uint8]:
        """Uint8 [windows, 521], of 255, from int16 [samples] at 16 kHz; a window each hop."""
        wave = pcm.astype(np.float32) / 32768
        starts = range(0, len(wave) - WINDOW_SAMPLES + 1, hop)
        out = np.empty((len(starts), CLASSES), np.uint8)
        for number, start in enumerate(starts):
            window = wave[start : start + WINDOW_SAMPLES].reshape(self._asked["shape"])
            self._net.set_tensor(self._asked["index"], window)
            self._net.invoke()
            out[number] = np.round(self._net.get_tensor(self._answer).reshape(-1) * 255)
        return out


@lru_cache(maxsize=1)
def teacher(model: Path) -> Teacher:
    """The teacher of a file, loaded once a process."""
    return Teacher(model)


def read_yamnet(model: Path, option: str) -> bytes:
    """The bytes that an option names; InputOutputError when there are none."""
    try:
        return model.read_bytes()
    except OSError as error:
        raise InputOutputError(
            f"{model} can't be read ({error.strerror}); give YAMNet's TFLite file, or leave "
            f"{option} out"
        ) from error


def digest(model: Path) -> str:
    """SHA-256 of a teacher's file; InputOutputError when there is none."""
    try:
        return hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError as error:
        raise InputOutputError(f"{model} can't be read ({error.strerror})") from error
