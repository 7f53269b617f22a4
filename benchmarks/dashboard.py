"""Run the asv suite over the last commits, build the dashboard, say what became slower, serve it.

    python benchmarks/dashboard.py [COMMITS] [--all] [--factor 1.15] [--serve [PORT]]

COMMITS are the last that touched the package, 5 where none are named; 0 measures nothing.  Of each
commit the prepared layers are measured, about two minutes on two cores with the compiling, or with
--all everything the suite has.  Commits that were measured before are not measured again.

Then the newest measured commit is compared with the last release (a tag v*), or with the oldest
measured one: medians of interleaved rounds, and only what changed by more than the factor is
named.  On a shared machine a call varies by a tenth from minute to minute: a smaller factor would
see ghosts.

--serve shows the pages on 127.0.0.1 until Ctrl-C; opened as files they cannot load their data.
Their scripts are npm packages (dashboard_scripts/package.json), put beside them.  Needs the
``bench`` extra, and npm for the scripts.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HTML = HERE.parent / ".asv" / "html"
SCRIPTS = HERE / "dashboard_scripts"

# What is measured of each commit without --all, and where the dashboard opens.
CHOSEN = r"layers\.Layers\.time_prepared|overhead\.CallOverhead"
FIRST_PAGE = "#layers.Layers.time_prepared"

# The file in an npm package that takes the place of a script or style of asv's page.
PACKAGED = {
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
}


def git(*arguments):
    """Return what git prints."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def asv(*arguments, **kwargs):
    """Run one asv command; return its exit status."""
    command = [sys.executable, "-m", "asv", *arguments, "--config", "asv.conf.json"]
    return subprocess.run(command, cwd=HERE, check=False, **kwargs).returncode


def last_commits(count):
    """Return the last commits that changed the package, oldest first."""
    # A commit of documentation has no figures of its own.
    package = (":/csep", ":/src_c", ":/setup.py")
    return git("log", "-n", str(count), "--format=%H", "--reverse", "--", *package).split()


def measure(commits, everything):
    """Run the suite on each commit."""
    asv("machine", "--yes", stdout=subprocess.DEVNULL)
    chosen = () if everything else ("--bench", CHOSEN)
    # In rounds over all commits: what the machine does for a minute then shows in each of them.
    how = ("--skip-existing-successful", "--interleave-rounds", *chosen)
    # A commit that does not build, or a benchmark that fails, leaves a gap in its graph.
    if asv("run", "HASHFILE:-", *how, input="\n".join(commits), text=True):
        print("not everything could be measured", file=sys.stderr)


def say_regressions(commits, factor):
    """Print what the newest commit does slower, or faster, than the last release."""
    tags = git("tag", "--list", "v*", "--sort=-version:refname").split()
    base = tags[0] if tags else commits[0]
    print(f"\n{commits[-1][:9]} beside {base[:9]}, where the medians differ by {factor} or more:")
    asv("compare", base, commits[-1], "--factor", str(factor), "--only-changed")


def bring_scripts():
    """Put the scripts beside the pages, which ask other hosts for them."""
    if shutil.which("npm") is None:
        print("npm: not here; the pages need the network for their scripts", file=sys.stderr)
        return
    install = ["npm", "install", "--silent", "--no-package-lock", "--ignore-scripts"]
    subprocess.run(install, cwd=SCRIPTS, check=True)
    page = HTML / "index.html"
    text = page.read_text()
    for tag, name in re.findall(r'(<(?:script|link)[^>]*"https?://[^"]*/([^/"]+)"[^>]*>)', text):
        source = SCRIPTS / "node_modules" / PACKAGED[name]
        shutil.copy(source, HTML / name)
        kind = "href" if name.endswith(".css") else "src"
        local = re.sub(rf'{kind}="[^"]*"', f'{kind}="{name}"', tag)
        text = text.replace(
            tag, re.sub(r' (integrity|crossorigin|referrerpolicy)="[^"]*"', "", local)
        )
    page.write_text(text)


def serve(port):
    """Serve the pages to this machine until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/{FIRST_PAGE}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def main():
    """Measure, oldest commit first, publish, compare, serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commits", type=int, nargs="?", default=5, metavar="COMMITS")
    parser.add_argument("--all", action="store_true", help="the whole suite, not the chosen part")
    parser.add_argument("--factor", type=float, default=1.15, help="smaller changes are noise")
    parser.add_argument("--serve", type=int, nargs="?", const=8080, metavar="PORT")
    options = parser.parse_args()
    if options.commits > 0:
        commits = last_commits(options.commits)
        measure(commits, options.all)
        if asv("publish"):
            sys.exit("asv publish failed")
        bring_scripts()
        say_regressions(commits, options.factor)
    if options.serve is not None:
        serve(options.serve)
    else:
        print(f"\ndashboard: {HTML}; python benchmarks/dashboard.py 0 --serve shows it")


if __name__ == "__main__":
    main()
