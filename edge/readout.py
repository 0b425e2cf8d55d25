"""From pooled logits to a class: a linear layer in the card, and where "normal" ends.

Multinomial logistic regression (Hastie et al., The Elements of Statistical Learning, 4.4) on
what a model says of all patches of a unit. It was fitted on people that the model had not
trained on, so its probabilities are about as sure as they should be.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """A linear layer and its decision.

    Attributes:
        labels: classes; the first is the normal one.
        weights: float64 [labels, inputs].
        bias: float64 [labels].
        normal_from: least probability of the first class at which it is the answer; below it
            the likeliest of the others is.
    """

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    normal_from: float

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit together."""
        count = len(self.labels)
        if count < 2 or self.weights.ndim != 2 or self.weights.shape[0] != count:
            raise BadInputError(f"readout: weights {self.weights.shape} do not fit {count} labels")
        if self.bias.shape != (count,) or not 0 <= self.normal_from <= 1:
            raise BadInputError(
                f"readout: bias {self.bias.shape} must be ({count},) and "
                f"normal_from={self.normal_from} from 0 to 1"
            )

    def probabilities(self, inputs: Floats) -> Floats:
        """Chance of each label; float64 [inputs] -> [labels].

        Raises:
            BadInputError: the number of inputs is not the readout's.
        """
        if inputs.shape != self.weights.shape[1:]:
            raise BadInputError(
                f"readout: {inputs.shape} inputs, it takes {self.weights.shape[1:]}"
            )
        logits = self.weights @ inputs + self.bias
        odds = np.exp(logits - logits.max())
        shares: Floats = odds / odds.sum()
        return shares

    def decide(self, probabilities: Floats) -> str:
        """The answer to float64 [labels]."""
        if probabilities[0] >= self.normal_from:
            return self.labels[0]
        return self.labels[1 + int(np.argmax(probabilities[1:]))]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, rounded to what the card keeps."""
        return {
            "labels": list(self.labels),
            "weights": np.round(self.weights, 5).tolist(),
            "bias": np.round(self.bias, 5).tolist(),
            "normal_from": round(self.normal_from, 5),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Readout":
        """Read what `to_dict` wrote; BadInputError on a missing, unknown or wrong field."""
        try:
            return cls(
                labels=tuple(values["labels"]),
                weights=np.array(values["weights"], dtype=np.float64),
                bias=np.array(values["bias"], dtype=np.float64),
                normal_from=float(values["normal_from"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"readout: lacks or garbles {error}") from error


def readouts_of(card: dict[str, Any]) -> dict[str, Readout]:
    """The readouts of a bundle's card by kind of unit; none where the model needs none."""
    readouts = card.get("readouts", {})
    if not isinstance(readouts, dict):
        raise BadInputError("readout: the card's readouts are no table; export the bundle again")
    return {kind: Readout.from_dict(values) for kind, values in readouts.items()}
