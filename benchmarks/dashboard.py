"""Run the asv suite over the last commits and build the dashboard.

    python benchmarks/dashboard.py [COMMITS]        default 5

Needs the ``bench`` extra.  Commits that were measured before are not measured again.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def git(*arguments):
    """Return what git prints."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout


def asv(*arguments, **kwargs):
    """Run one asv command; return its exit status."""
    command = [sys.executable, "-m", "asv", *arguments, "--config", "asv.conf.json"]
    return subprocess.run(command, cwd=HERE, check=False, **kwargs).returncode


def main():
    """Measure, oldest commit first, and publish."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    # What changes the package: a commit of documentation has no figures of its own.
    package = (":/csep", ":/src_c", ":/setup.py")
    commits = git("log", "-n", str(count), "--format=%H", "--reverse", "--", *package).split()
    asv("machine", "--yes", stdout=subprocess.DEVNULL)
    for commit in commits:
        # A commit that does not build, or a benchmark that fails, leaves a gap in its graph.
        if asv("run", f"{commit}^!", "--skip-existing-successful"):
            print(f"{commit[:9]}: not everything could be measured", file=sys.stderr)
    if asv("publish"):
        sys.exit("asv publish failed")
    print(f"dashboard: {HERE.parent / '.asv' / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
