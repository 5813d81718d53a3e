"""`python -m tests.benchmarks [NAME…]`: run the benchmarks and print one table; exits 1 when a figure misses its bound."""

from __future__ import annotations

import platform
import sys
import time

from tests.benchmarks import (
    decode_cost,
    derain_cost,
    duplicates,
    evaluate_cost,
    help_time,
    rain_accuracy,
    rain_or_not,
    redecide,
    release_rebuild,
    release_verify,
    static_accuracy,
    static_cost,
    static_memory,
    status_time,
    stills_time,
    train_full_width,
    train_small,
    train_table,
)
from tests.benchmarks.figure import Figure

BENCHMARKS = {
    "help": help_time.run,
    "decode": decode_cost.run,
    "derain": derain_cost.run,
    "release": release_verify.run,
    "rebuild": release_rebuild.run,
    "stills": stills_time.run,
    "status": status_time.run,
    "static_accuracy": static_accuracy.run,
    "static-cost": static_cost.run,
    "static-memory": static_memory.run,
    "rain": rain_accuracy.run,
    "rain-or-not": rain_or_not.run,
    "duplicates": duplicates.run,
    "evaluate": evaluate_cost.run,
    "redecide": redecide.run,
    "train": train_table.run,
    "train-small": train_small.run,
    "train-full-width": train_full_width.run,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        figures += BENCHMARKS[name]()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n")
    print("| measure | measured | bound | |\n|---|---|---|---|")
    for figure in figures:
        print(figure.told)
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
