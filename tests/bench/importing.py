"""What ``import ncd`` adds to ``import discopy``."""

from __future__ import annotations

import subprocess
import sys

CODE = ("import time; a = time.perf_counter(); import discopy; b = time.perf_counter(); import ncd; "
        "print(b - a, time.perf_counter() - b)")


def main() -> None:
    runs = [tuple(map(float, subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True,
                                            check=True).stdout.split())) for _ in range(5)]
    discopy, extra = min(run[0] for run in runs), min(run[1] for run in runs)
    print(f"import discopy {discopy:.2f} s, import ncd after it {extra:.2f} s more")
