"""The speed benchmarks, one after the other, and the page built from them.

    make bench
    make bench BENCH=lenet          one of them
    make bench BENCH="mlp wide" QUICK=--quick

BENCH_THREADS="1" in the environment tries one thread alone; the usual is "1 2".
Those of building, deriving and counting (`start_up.py`, `chain.py`, `sizes.py`, `derivations.py`)
print their tables, and run by name: BENCH=derivations.
"""

from __future__ import annotations

import subprocess
import sys
import time

from processes import HERE
from report import ORDER
from report import main as build_page


def main() -> None:
    """Run what is named, or all of the page."""
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    names = [word for word in sys.argv[1:] if not word.startswith("-")] or list(ORDER)
    unknown = [name for name in names if not (HERE / f"{name}.py").is_file()]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]}: {', '.join(ORDER)}")
    failed = []
    for name in names:
        start = time.perf_counter()
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options], check=False)
        print(f"\n{name}: {time.perf_counter() - start:.0f} s", flush=True)
        failed += [name] if done.returncode else []
    if "--quick" not in options:
        build_page()
    if failed:
        sys.exit(f"ended with an error: {', '.join(failed)}")


if __name__ == "__main__":
    main()
