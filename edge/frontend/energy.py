"""int16 frames -> short-time energy and zero crossings, to find where a sound begins.

Both are taken about the frame's mean, so that a microphone's offset changes neither. Source:
Rabiner & Sambur, An algorithm for determining the endpoints of isolated utterances, Bell
System Technical Journal 54(2), 1975.
"""

import numpy as np
from numpy.typing import NDArray

from edge.frontend import mfcc, portable
from edge.frontend import tables as q
from edge.frontend.fixed import Ints
from edge.frontend.spec import FrontendSpec
from edge.frontend.tables import FrontendTables


def log_offset(spec: FrontendSpec) -> NDArray[np.int32]:
    """Turns log2 of a frame's scatter into log2 energy above the spec's floor.

    The reference, 0 dBFS, is the energy of a full-scale sine, as in the log mel.

    Returns:
        int32 [1], Q20.
    """
    full_scale = 2 * portable.log2(spec.window_samples) + 29  # N^2 times half of 2^30
    floor = spec.floor_dbfs / 10 * (portable.ln(10) / portable.ln(2))
    return portable.fixed(np.array([-full_scale - floor]), q.LOG_BITS)


def log_energy(frames: NDArray[np.int16], tables: FrontendTables) -> NDArray[np.int16]:
    """log2 of each frame's energy above the spec's floor, 0 at the floor and below.

    Args:
        frames: int16 [frames, window_samples].
        tables: the frontend's integers, with an energy offset.

    Returns:
        int16 [frames], Q8.7.
    """
    wide = frames.astype(np.int64)
    total = wide.sum(axis=1)
    # N^2 times the variance, exactly; below 2^52 for 2,048 samples.
    scatter = frames.shape[1] * (wide * wide).sum(axis=1) - total * total
    unshifted = np.zeros(len(frames), dtype=np.int64)
    log = mfcc.log2_above_floor(
        scatter[:, None], unshifted, tables.log2_q20, tables.energy_offset_q20
    )
    return mfcc.to_q7(log[:, 0])


def zero_crossings(frames: NDArray[np.int16]) -> NDArray[np.int16]:
    """Number of sign changes within each frame, zero counting as positive.

    Args:
        frames: int16 [frames, window_samples].

    Returns:
        int16 [frames], 0 to window_samples - 1.
    """
    wide: Ints = frames.astype(np.int64)
    negative = wide * frames.shape[1] < wide.sum(axis=1)[:, None]
    changes = negative[:, 1:] != negative[:, :-1]
    crossings: NDArray[np.int16] = changes.sum(axis=1).astype(np.int16)
    return crossings
