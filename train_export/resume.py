"""What an interrupted training needs to go on as if nothing had happened.

Keras' own backup leaves out the states of the random generators that dropout draws from; here
every variable is kept, those among them, with how far the training was and what it had seen.
"""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.errors import UsageError


@dataclass(slots=True)
class Progress:
    """How far a training is.

    Attributes:
        epochs: whole ones, behind it.
        best: greatest validation score so far.
        stale: epochs since then.
    """

    epochs: int = 0
    best: float = -math.inf
    stale: int = 0

    def over(self, epochs: int, patience: int) -> bool:
        """Whether there is nothing left to do."""
        return self.epochs >= epochs or self.stale >= patience


class ProgressFile:
    """The state of a training in one file, replaced as a whole after each epoch."""

    def __init__(self, path: Path, purpose: dict[str, Any]) -> None:
        """Name the file, and the training that it is of (JSON values)."""
        self._path = path
        self._purpose = json.dumps(purpose, sort_keys=True)

    def read(self, model: keras.Model) -> Progress:
        """Put a compiled model into the state of the file; a fresh start when there is none.

        Raises:
            UsageError: the file is of another training.
        """
        if not self._path.is_file():
            return Progress()
        with np.load(self._path) as arrays:
            if str(arrays["purpose"]) != self._purpose:
                raise UsageError(
                    f"{self._path} is of a training with another network, length or seed; give "
                    "the same arguments again, or train without --resume"
                )
            values = json.loads(str(arrays["progress"]))
            for number, variable in enumerate(_variables(model)):
                variable.assign(arrays[f"v{number}"])
        return Progress(**values)

    def writer(self, progress: Progress) -> keras.callbacks.Callback:
        """A callback that counts an epoch and writes the file at its end."""

        def write(epoch: int, logs: dict[str, float] | None) -> None:
            progress.epochs = epoch + 1
            self._write(callback.model, progress)

        callback = keras.callbacks.LambdaCallback(on_epoch_end=write)
        return callback

    def _write(self, model: keras.Model, progress: Progress) -> None:
        values = {f"v{n}": np.asarray(variable) for n, variable in enumerate(_variables(model))}
        new = self._path.with_suffix(".new.npz")
        with new.open("wb") as file:
            np.savez(file, purpose=self._purpose, progress=json.dumps(asdict(progress)), **values)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Every variable of a compiled model and its optimizer, which it builds where it must."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
