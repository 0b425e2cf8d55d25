"""Operating points need sounds to be chosen on."""

import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.errors import BadInputError
from train_export.features import SceneSet
from train_export.operating import operating_points
from train_export.taxonomy import ROOM_LABELS


def test_a_label_that_is_nowhere_is_refused():
    """Without one cough in the validation scenes no rule for coughs is made up."""
    bundle, steps = load_bundle("room"), 100
    features = np.zeros((1, 4 * steps, bundle.spec.coefficients), np.int16)
    scenes = SceneSet(features, np.zeros((1, steps, len(ROOM_LABELS)), np.uint8), ((),))
    logits = np.full((1, steps, len(ROOM_LABELS)), -128, np.int8)
    with pytest.raises(BadInputError, match="no cough is in the validation scenes"):
        operating_points(bundle, logits, scenes, scenes)
