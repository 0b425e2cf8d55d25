"""A recurrent model's stream: one step at a time, its state carried in int8."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classifier import quantize as quantize_features
from train_export.features import FEATURE_SCALE
from train_export.quantize import plain_interpreter


class StepScorer:
    """Runs what `quantize_step` made; holds the state between steps."""

    def __init__(self, model: bytes) -> None:
        self._interpreter = plain_interpreter(model)
        signature = self._interpreter.get_signature_list()["serving_default"]
        runner = self._interpreter.get_signature_runner("serving_default")
        self._run = runner
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        self._input = inputs["features"]
        self._outputs = [outputs[name] for name in sorted(signature["outputs"])]
        self._names = sorted(signature["outputs"])
        self._states = sorted(name for name in signature["inputs"] if name != "features")
        self._state_inputs = [inputs[name] for name in self._states]
        self.reset()

    def reset(self) -> None:
        """Forget the past: a state of zeros."""
        self._state = [
            np.full(detail["shape"], detail["quantization"][1], np.int8)
            for detail in self._state_inputs
        ]

    def push(self, frames: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take the frames of one position, int16 [front_frames, bands]; give float32 logits."""
        scale, zero = self._input["quantization"]
        features = quantize_features(frames, round(FEATURE_SCALE / scale * 2**20), zero)
        states = dict(zip(self._states, self._state, strict=True))
        found = self._run(features=features[None, :, :, None], **states)
        logits, *after = (found[name] for name in self._names)
        self._state = [
            _requantize(state, given, taken)
            for state, given, taken in zip(
                after, self._outputs[1:], self._state_inputs, strict=True
            )
        ]
        scale, zero = self._outputs[0]["quantization"]
        return np.asarray((logits[0].astype(np.float32) - zero) * scale, np.float32)


def _requantize(
    state: NDArray[np.int8], given: dict[str, Any], taken: dict[str, Any]
) -> NDArray[np.int8]:
    """A state from the output's scale to the input's: nearly equal, but not equal."""
    (scale, zero), (new_scale, new_zero) = given["quantization"], taken["quantization"]
    values = (state.astype(np.float64) - zero) * (scale / new_scale)
    return np.clip(np.round(values) + new_zero, -128, 127).astype(np.int8)
