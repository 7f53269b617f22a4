"""Type checkers on what users write: right lines pass, wrong ones do not."""

import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from processes import run

import csep

USER = Path(__file__).with_name("typed_user.py")
WRONG = {
    number
    for number, line in enumerate(USER.read_text().splitlines(), 1)
    if line.endswith("# wrong")
}
SOURCE = str(Path(csep.__file__).parents[1])
# mypy finds what is installed by itself, and refuses to be told of it.
INSTALLED = Path(SOURCE).name in ("site-packages", "dist-packages")


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_mypy(tmp_path):
    shutil.copy(USER, tmp_path)
    command = (sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", USER.name)
    done = run(*command, cwd=tmp_path, env=os.environ | {"MYPYPATH": "" if INSTALLED else SOURCE})
    found = re.findall(r"^(\S+?):(\d+): error", done.stdout, re.M)
    assert {name for name, _ in found} == {USER.name}, done.stdout[-3000:] + done.stderr
    assert {int(line) for _, line in found} == WRONG, done.stdout[-3000:]


@pytest.mark.skipif(shutil.which("pyright") is None, reason="needs pyright")
def test_pyright(tmp_path):
    shutil.copy(USER, tmp_path)
    options = {
        "pythonPath": sys.executable,
        "extraPaths": [SOURCE],
        "reportUnusedExpression": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(options))
    done = run("pyright", "--outputjson", "--pythonpath", sys.executable, cwd=tmp_path)
    found = json.loads(done.stdout)["generalDiagnostics"]
    lines = {d["range"]["start"]["line"] + 1 for d in found if d["severity"] == "error"}
    assert lines == WRONG, done.stdout[-5000:]


def test_completion_shows_the_public_names_only():
    shown = {name for name in dir(csep) if not name.startswith("_")}
    assert shown == {name for name in csep.__all__ if not name.startswith("_")}
