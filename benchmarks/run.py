"""All benchmarks, one after the other.

    make bench
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    for name in ("start_up.py", "chain.py", "sizes.py", "derivations.py"):
        print(f"\n{name}\n", flush=True)
        subprocess.run([sys.executable, str(HERE / name)], check=True)
