"""Whether a probability means what it says.

Expected calibration error over bins of equal count, after Naeini et al., 2015, and Nixon et
al., 2019: equal widths would leave most bins of a sure model empty.
"""

from collections.abc import Sequence

import numpy as np

BINS = 10


def reliability(p: Sequence[float], truth: Sequence[int]) -> list[dict[str, float]]:
    """Bins of equal count, from the least sure on.

    Args:
        p: stated probabilities, 0 to 1.
        truth: 1 where it was so, else 0.

    Returns:
        For each bin that holds anything: `count`, `stated` (mean p) and `observed` (share of 1).
    """
    order = np.argsort(np.asarray(p), kind="stable")
    stated, observed = np.asarray(p, float)[order], np.asarray(truth, float)[order]
    return [
        {
            "count": len(part),
            "stated": float(stated[part].mean()),
            "observed": float(observed[part].mean()),
        }
        for part in np.array_split(np.arange(len(order)), BINS)
        if len(part)
    ]


def expected_calibration_error(bins: Sequence[dict[str, float]]) -> float:
    """Mean distance between the stated and the observed, weighted by count; NaN of nothing."""
    total = sum(part["count"] for part in bins)
    if not total:
        return float("nan")
    return sum(part["count"] * abs(part["stated"] - part["observed"]) for part in bins) / total
