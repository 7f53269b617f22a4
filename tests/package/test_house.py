"""The house: files import and include only from files below them, as CONTRIBUTING.md says."""

import ast
import re
import shutil
from pathlib import Path

import pytest
from processes import output, run

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def rooms(folder):
    """The rooms of CONTRIBUTING's table for a folder, top to bottom; some are a few files."""
    table = CONTRIBUTING.split(f"`{folder}/`:")[1].split("\n\n")[1]
    lines = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [[name.rstrip("/") for name in re.findall(r"`([^`]+)`", line)] for line in lines]


def room_of(path, order):
    """The place of a file, a path within its folder, in the order of rooms."""
    top = Path(path).parts[0]
    (place,) = [i for i, names in enumerate(order) if top in names]
    return place


def check(graph, order):
    """Assert that every file's targets are in its room or below, and that there is no circle."""
    for file, targets in graph.items():
        for target in targets:
            assert target in graph, f"{file} takes {target}, which is not there"
            assert room_of(file, order) <= room_of(target, order), f"{file} looks up to {target}"
    done, path = set(), []

    def visit(file):
        assert file not in path, f"a circle: {[*path[path.index(file) :], file]}"
        if file not in done:
            path.append(file)
            for target in graph[file]:
                visit(target)
            done.add(path.pop())

    for file in graph:
        visit(file)


def includes(text):
    """What a C file includes of csep's; the vocabulary's own file is named when it is compiled."""
    return {
        "include/csep.h" if name == "csep.h" else name
        for name in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.M)
    }


def c_graph(folder):
    files = [path for path in folder.rglob("*") if path.suffix in {".c", ".h"}]
    return {str(path.relative_to(folder)): includes(path.read_text()) for path in files}


def module_file(folder, parts):
    """The file that a dotted name stands for, or None if it stands for something in a module."""
    path = folder.joinpath(*parts)
    for file in (path.with_suffix(".py"), path.with_suffix(".pyx"), path / "__init__.py"):
        if file.exists():
            return str(file.relative_to(folder))
    return None


def imports(folder, path):
    """What a Python file imports of csep's, anywhere in it."""
    package = path.relative_to(folder).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = (node.module or "").split(".") if node.module else []
            if node.level:
                base = [*package[: len(package) + 1 - node.level], *names]
            elif names[0] == "csep":
                base = names[1:]
            else:
                continue
            for alias in node.names:
                yield module_file(folder, [*base, alias.name]) or module_file(folder, base)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "csep":
                    yield module_file(folder, alias.name.split(".")[1:])


def cython_imports(folder, path):
    """What a Cython file includes, imports and takes of the C API."""
    text = path.read_text()
    yield from re.findall(r'^include "(\S+)"', text, re.M)
    for module in re.findall(r"^from csep\.(\S+) import", text, re.M):
        yield module_file(folder, module.split("."))
    if re.search(r"^from csep cimport", text, re.M):
        yield "__init__.pxd"


def python_graph(folder):
    graph = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.suffix == ".py":
            graph[name] = set(imports(folder, path))
        elif path.suffix in {".pyx", ".pxi", ".pxd"}:
            graph[name] = set(cython_imports(folder, path))
    return graph


def test_c_goes_one_way():
    check(c_graph(ROOT / "src_c"), rooms("src_c"))


@pytest.mark.skipif(not (ROOT / "csep").exists(), reason="the package's source is not here")
def test_python_goes_one_way():
    check(python_graph(ROOT / "csep"), rooms("csep"))


@pytest.mark.parametrize("folder", ["src_c", "csep"])
def test_the_table_is_the_tree(folder):
    if not (ROOT / folder).exists():
        pytest.skip(f"{folder} is not here")
    # What is built and what tells of types has no room.
    unlisted = {"__pycache__", "lib", "include" if folder == "csep" else "", "py.typed"}
    found = {p.name for p in (ROOT / folder).iterdir() if p.suffix != ".so"} - unlisted
    assert found == {name for names in rooms(folder) for name in names}


def test_only_one_file_knows_openmp():
    users = [p.name for p in (ROOT / "src_c").rglob("*.[ch]") if "omp.h" in p.read_text()]
    assert users == ["openmp_settings.c"]


def test_a_look_upwards_and_a_circle_are_found():
    order = [["top"], ["below"]]
    check({"top/a": {"top/b", "below/c"}, "top/b": set(), "below/c": set()}, order)
    with pytest.raises(AssertionError, match="looks up"):
        check({"top/a": set(), "below/c": {"top/a"}}, order)
    with pytest.raises(AssertionError, match="a circle"):
        check({"top/a": {"top/b"}, "top/b": {"top/c"}, "top/c": {"top/a"}}, order)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_every_header_can_be_read_by_itself():
    """As an editor reads it, with nothing included before."""
    headers = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "src_c").rglob("*.h"))
    assert len(headers) > 20
    for header in headers:
        isa = {"avx2": "-mavx2 -mfma -mf16c", "avx512": "-mavx512f -mfma"}
        flags = [f for name, f in isa.items() if f"/x86/{name}_" in header]
        if flags and "x86" not in output(run("cc", "-dumpmachine")):
            continue
        options = "-std=c11 -Wall -Wno-unused -Werror -fsyntax-only -Isrc_c -Isrc_c/include -x c"
        output(run("cc", *options.split(), *" ".join(flags).split(), header, cwd=ROOT))
