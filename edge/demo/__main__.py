"""Write a demonstration night to a WAV file and list what happens in it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.demo import write_demo
from edge.errors import AirwayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a night to the file named on the command line and list what happens in it."""
    parser = argparse.ArgumentParser(prog="python -m edge.demo", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.wav")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args(arguments)
    try:
        marks = write_demo(options.out, options.seed, options.minutes)
    except AirwayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for onset_s, offset_s, label in marks:
        print(f"{onset_s:9.3f} {offset_s:9.3f}  {label}")
    print(f"{options.out}: {options.minutes:g} minutes, synthetic (no recording of anyone)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
