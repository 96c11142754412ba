"""Do the packages of this environment have known vulnerabilities? Asked of PyPI, through pip-audit.

Prints each, with the version that mends it, and exits with 1. What could not be asked for (no network,
an index without advisories) is counted and said, and is no failure: a build must not depend on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def main() -> int:
    """The exit code."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(
        [*command, "--skip-editable"], capture_output=True, text=True, check=False
    )
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        print(f"vulnerabilities: could not be asked for ({last[:200]})")
        return 0
    packages: list[dict[str, Any]] = told["dependencies"]
    found = [(each, flaw) for each in packages for flaw in each.get("vulns", ())]
    for package, flaw in found:
        mended = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}")
    unasked = sum("skip_reason" in each for each in packages)
    asked = len(packages) - unasked
    print(
        f"vulnerabilities: {len(found)} known in {asked} packages"
        + (f"; {unasked} could not be asked for" if unasked else "")
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
