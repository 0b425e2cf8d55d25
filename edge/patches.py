"""A segment or a recording -> patches of a model -> logits; training cuts with the same code.

What is shorter than a patch stands in its middle with silence around it, so that its length
stays to be seen; what is longer is covered by patches that overlap by half, the last one
ending where the recording ends.
"""

import numpy as np
from numpy.typing import NDArray

from edge.card import Layout
from edge.classifier import Classifier

Frames = NDArray[np.int16]
Logits = NDArray[np.float64]
# What `pooled` says of each label, in this order.
STATISTICS = ("mean", "highest", "second")


def patches(frames: Frames, layout: Layout) -> Frames:
    """Cover frames with patches.

    Args:
        frames: int16 [frames, coefficients], any number of frames, also none.
        layout: whose `patch_frames`.

    Returns:
        int16 [patches, patch_frames, coefficients], at least one patch.
    """
    length = layout.patch_frames
    missing = length - len(frames)
    if missing >= 0:
        before = missing // 2
        return np.pad(frames, ((before, missing - before), (0, 0)))[None]
    last = len(frames) - length
    starts = [*range(0, last, max(1, length // 2)), last]
    return np.stack([frames[start : start + length] for start in starts])


def recording_logits(classifier: Classifier, frames: Frames) -> Logits:
    """Logits of each patch of a segment or a recording.

    Args:
        classifier: with a model of one score a patch.
        frames: int16 [frames, coefficients], Q8.7.

    Returns:
        float64 [patches, labels], real logits.
    """
    return patch_logits(classifier, patches(frames, classifier.layout))


def patch_logits(classifier: Classifier, cuts: Frames) -> Logits:
    """Logits of patches.

    Args:
        classifier: with a model of one score a patch.
        cuts: int16 [patches, patch_frames, coefficients], Q8.7, any number of patches.

    Returns:
        float64 [patches, labels], real logits.
    """
    layout = classifier.layout
    scores = np.empty((len(cuts), classifier.labels))
    for row, patch in enumerate(cuts):
        scores[row] = classifier.score(patch)[0]
    return layout.logit(scores)


def pooled(logits: Logits) -> Logits:
    """One vector for many patches: of each label the mean, the highest and the second highest.

    A sound that is always there shows in the mean, a rare one in the highest, and a chance
    outlier in the highest alone. A single patch stands for all three.

    Args:
        logits: float64 [patches, labels], at least one patch.

    Returns:
        float64 [3 * labels], the labels' means first.
    """
    ranked = np.sort(logits, axis=0)
    return np.concatenate([logits.mean(axis=0), ranked[-1], ranked[max(-2, -len(ranked))]])
