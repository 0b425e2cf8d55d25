"""The whole pipeline of every shipped bundle: `python -m benchmarks.pipeline`.

Runs `airway bench` for each bundle and runtime, in processes of their own, since the resident
memory of one would hide in that of another.
"""

import argparse
import json
import subprocess
import sys

from benchmarks.rows import Row, add_option, write
from edge.bundle import shipped_bundles
from edge.classifier import installed_runtimes


def bench_rows(bundle: str, runtime: str, seconds: int) -> list[Row]:
    """What `airway bench` says of a bundle, as rows."""
    command = [sys.executable, "-m", "edge.cli", "bench", "--json", "--bundle", bundle]
    command += ["--runtime", runtime, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"airway bench of {bundle} ended with code {done.returncode}: {done.stderr}")
    found = json.loads(done.stdout)
    what = f"{bundle} on {runtime}, {found['frontend_backend']} frontend"
    shares = [100 * found[f"{name}_share"] for name in ("busy", "quiet", "frontend")]
    costs = (
        f"{shares[0]:.2f} % of a core in a busy room, {shares[1]:.2f} % in a quiet one "
        f"(the frontend alone {shares[2]:.2f} %)"
    )
    return [
        Row("Pipeline", what, costs, "measured"),
        Row("Memory", f"{what}: a bare process", f"{found['resident_mb']} MB resident", "measured"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="of sound, 10 to 3600 (60)")
    add_option(parser)
    arguments = parser.parse_args()
    rows = [
        row
        for bundle in shipped_bundles()
        for runtime in installed_runtimes()
        for row in bench_rows(bundle, runtime, arguments.seconds)
    ]
    write(arguments.rows, rows)
    for row in rows:
        print(f"{row.what:60} {row.figure}")


if __name__ == "__main__":
    main()
