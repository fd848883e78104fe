"""How long a cold start takes: help, import, a formula's trace. Medians of 7 fresh processes.

    python benchmarks/start_up.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

RUNS = 7
FORMULA = "y = ln(x1) + x1*x2 - sin(x2)"
COMMANDS = {
    "python, doing nothing": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import chainrule": ["-c", "import chainrule"],
    "import numpy, chainrule": ["-c", "import numpy, chainrule"],
    "chainrule --help": ["-m", "chainrule", "--help"],
    "chainrule trace": ["-m", "chainrule", "trace", FORMULA, "--at", "x1=2", "x2=5"],
    "chainrule grad": ["-m", "chainrule", "grad", FORMULA, "--at", "x1=2", "x2=5"],
    "import sympy": ["-c", "import sympy"],
    "import autograd": ["-c", "import autograd.numpy"],
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    missing = set()
    for _ in range(RUNS):  # in turn, so that a slow moment hits all of them
        for name, words in COMMANDS.items():
            start = time.perf_counter()
            done = subprocess.run([sys.executable, *words], capture_output=True, check=False)
            times[name].append(time.perf_counter() - start)
            if done.returncode:
                missing.add(name)
    base = median(times["python, doing nothing"])
    print(f"{'':<26}{'seconds':>9}{'above python':>14}")
    for name, taken in times.items():
        if name in missing:
            print(f"{name:<26}{'not installed':>23}")
        else:
            print(f"{name:<26}{median(taken):9.3f}{median(taken) - base:14.3f}")


if __name__ == "__main__":
    main()
