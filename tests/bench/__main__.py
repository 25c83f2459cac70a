"""``make bench``: run every benchmark, or those named, one after the other."""

from __future__ import annotations

import sys

from tests.bench import building, costs, counters, derivatives, drawing, importing, programs

BENCHMARKS = {"importing": importing.main, "building": building.main, "programs": programs.main,
              "derivatives": derivatives.main, "drawing": drawing.main, "costs": costs.main,
              "counters": counters.main}


def main() -> None:
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"\n== {name}")
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
