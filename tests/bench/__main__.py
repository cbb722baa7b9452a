"""Every benchmark, one after another: `make bench`. Ends with an error when a goal was missed."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "bench_dashboard",
    "bench_collect",
    "bench_lag",
    "bench_burst",
    "bench_pages",
    "bench_paint",
    "bench_script",
    "bench_size",
    "bench_rebuild",
    "bench_batch",
    "bench_crowd",
    "bench_memory",
    "bench_share",
)


def main() -> None:
    missed = []
    for name in BENCHMARKS:
        print(f"\n{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode:
            missed.append(name)
    if missed:
        sys.exit(f"Goals were missed in {', '.join(missed)}.")


if __name__ == "__main__":
    main()
