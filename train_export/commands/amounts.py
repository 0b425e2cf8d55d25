"""Numbers of the command line, refused where they are given and not hours later."""

import argparse
import math

MOST_SEED = 2**32 - 1  # NumPy's and TensorFlow's
LEAST_HOURS = 1 / 60  # a scene


def seed(text: str) -> int:
    """Of a generator: 0 to 2**32 - 1."""
    if not 0 <= (value := _whole(text)) <= MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is no seed; give 0 to {MOST_SEED}")
    return value


def count(text: str) -> int:
    """Of what has to be done at least once."""
    if (value := _whole(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 1 or more")
    return value


def folds(text: str) -> int:
    """Parts of the people, each held out once: at least two."""
    if (value := _whole(text)) < 2:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 2 or more")
    return value


def hours(text: str) -> float:
    """Of scenes, which last a minute each."""
    if not LEAST_HOURS <= (value := _number(text)) < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text} hours hold no scene, which lasts a minute; give {LEAST_HOURS:.3f} or more"
        )
    return value


def false_alarms(text: str) -> float:
    """An hour: none or more."""
    if not 0 <= (value := _number(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of false alarms; give 0 or more")
    return value


def _number(text: str) -> float:
    """NaN, which lies in no range, where the text is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error
