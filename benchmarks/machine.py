"""What machine the figures are from."""

import platform
import re
from pathlib import Path


def cpu_name():
    """Return the processor's own name, and the numbers that tell generations of one name apart."""
    told = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    name = told.get("model name", platform.processor())
    numbers = [f"{key} {told[key]}" for key in ("cpu family", "model") if key in told]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def file_name():
    """Return the name of this machine's results, without a suffix."""
    import csep

    words = re.findall(r"[a-z0-9.]+", cpu_name().lower().replace("cpu family", "family"))
    return "-".join([csep.get_isa(), *words])
