"""New processes, each with a time limit, and a port for one."""

import os
import socket
import subprocess
import sys

# For code that runs out of memory: how much more the process may have from now on.
MEMORY_LIMITS = """
import resource
def limit(extra):
    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + extra, resource.RLIM_INFINITY))
def unlimit():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def run(*command, seconds=300, **options):
    """Run a command, however it ends; return the finished process."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        **options,
    )


def run_python(code, **environment):
    """Run code in a fresh interpreter, which inherits no limit on threads."""
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    return run(sys.executable, "-c", code, env=clean | environment)


def output(done):
    """Return what a process printed, which must have succeeded."""
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout


def free_port():
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
