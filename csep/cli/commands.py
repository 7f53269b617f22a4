"""The command line: options, commands, exit status."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..runtime import __version__, paths
from . import demo, photo

ABOUT = "python -m csep: the demo.  python -m csep image PHOTO -o OUT.png: the stages, seen."


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m csep", description=ABOUT)
    parser.add_argument("--version", action="version", version=f"csep {__version__}")
    parser.add_argument("--cflags", action="store_true", help="print what a C compiler needs")
    parser.add_argument("--libs", action="store_true", help="print what a linker needs")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("demo", help="time and check well-known layers (the default)")
    image = commands.add_parser("image", help="show the two stages on a photograph")
    image.add_argument("photo", type=Path, metavar="PHOTO")
    image.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.png")
    chosen = parser.parse_args(arguments)
    if chosen.cflags or chosen.libs:
        flags = [paths.compiler_flags()] * chosen.cflags + [paths.linker_flags()] * chosen.libs
        print(*flags)
        return 0
    if chosen.command != "image":
        return demo.main()
    try:
        print(photo.render(chosen.photo, chosen.out))
    except (ImportError, OSError, ValueError) as error:
        print(f"csep image: {error}", file=sys.stderr)
        return 1
    return 0
