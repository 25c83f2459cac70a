"""The house rules, checked from the source: imports go down only, files stay small."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ncd
from ncd.ops.primitive import BASIS

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "ncd").rglob("*.py"))
FLOORS = [["errors"], ["algebra"], ["core"], ["file"], ["ops"], ["construct"], ["nn", "traverse"],
          ["zoo", "interpret"], ["rewrite"], ["plan", "read"], ["analysis"], ["face"], ["command"]]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
SYNTAX = ("errors", "algebra", "core", "file", "ops", "construct", "nn", "traverse", "zoo", "rewrite")
OUTSIDE = ("ncd", "ncd.__main__", "ncd.build")          # the package itself, and a former name of a room
PUBLIC = {
    "Array", "Axis", "AxisError", "Diagram", "Interpretation", "NcdError", "Operation", "Ty",
    "build", "concat", "constant", "core", "cost", "custom_derivative", "diagram", "einsum",
    "elementwise", "equation", "errors", "from_json", "gather", "jax", "load", "nn", "parameter", "rearrange",
    "reduce", "reference", "reindex", "scan", "scope", "segment", "size", "softmax", "solve", "topk",
    "where", "zoo"}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every module imported, and whether at the top level (outside functions and TYPE_CHECKING)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            top.add(node)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node in top))
    return found


def room(name: str) -> str | None:
    """The room of a module: the first part of its name below the package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "ncd" and len(parts) > 1 and parts[1] in FLOOR else None


MODULES = {module(path): path for path in SOURCES}


def imported(path: Path) -> set[str]:
    """The modules of the package that a file names in imports, wherever and for whatever they stand."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ncd"):
            modules |= {whole if (whole := f"{node.module}.{alias.name}") in MODULES else node.module
                        for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name in MODULES}
    # The package and its submodule may share a name with a function: then the package is what is imported.
    return modules - {module(path)}


def test_every_file_stands_in_a_room():
    assert [name for name in MODULES if room(name) is None] == sorted(OUTSIDE)


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_a_file_imports_from_lower_floors_and_its_own_room(path):
    here = room(module(path))
    if here is None:
        return
    for name in imported(path):
        there = room(name)
        allowed = (name == "ncd" and here == "command") or (there is not None and (
            there == here or FLOOR[there] < FLOOR[here]))
        assert allowed, f"{module(path)} imports {name}, which is not below it"
    assert not [name for name, _ in imports(path) if name.startswith(("theory", "tests"))]


def test_files_import_each_other_in_no_circle():
    """Types alone count as well: what a file needs to be read is what it needs."""
    edges = {name: imported(path) & set(MODULES) for name, path in MODULES.items() if name not in OUTSIDE}
    edges = {name: targets - set(OUTSIDE) for name, targets in edges.items()}
    left = dict(edges)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    # What only reads a circle is left as well: take away those that nothing of the rest imports.
    while last := [name for name in left if not any(name in targets for other, targets in left.items()
                                                    if other != name)]:
        for name in last:
            del left[name]
    assert not left, f"files in circles: {sorted(left)}"


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_meanings_do_not_import_each_other(path):
    parts = module(path).split(".")
    meanings = {p.name for p in (ROOT / "ncd/interpret").iterdir() if p.is_dir()}
    if parts[:2] != ["ncd", "interpret"] or len(parts) < 3 or parts[2] not in meanings:
        return
    for name, _ in imports(path):
        other = name.split(".")
        if other[:2] == ["ncd", "interpret"] and len(other) > 2 and other[2] in meanings:
            assert other[2] == parts[2], f"{module(path)} imports {name}, another meaning"


def test_one_file_imports_discopy():
    users = [module(p) for p in SOURCES if any(n.split(".")[0] == "discopy" for n, _ in imports(p))]
    assert users == ["ncd.core.discopy"]


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_syntax_never_imports_jax_and_sympy_only_when_asked(path):
    parts = module(path).split(".")
    if len(parts) < 2 or parts[1] not in SYNTAX:
        return
    for name, top in imports(path):
        assert name.split(".")[0] != "jax", f"{module(path)} imports jax"
        assert not (top and name.split(".")[0] == "sympy"), f"{module(path)} imports sympy at the top"


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "theory").rglob("*.py"))], ids=str)
def test_files_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{path} has {lines} lines"


def test_public_names():
    names = {name for name in dir(ncd) if not name.startswith("_")}
    shown = names - {"annotations", "build", "core", "face", "interpret", "ops", "read", "cli", "rewrite"}
    assert shown <= PUBLIC, sorted(shown - PUBLIC)
    assert set(ncd.__all__) == PUBLIC - {"build", "core"}
    assert len(ncd.__all__) <= 36


def test_import_is_light():
    code = "import ncd, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "jax" not in out.split() and "sympy" not in out.split()


def test_every_test_has_an_assertion():
    """A test that asserts nothing, checks nothing by pytest and calls no checker cannot fail."""
    empty = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        checkers = {node.name for node in ast.walk(tree)
                    if isinstance(node, ast.FunctionDef) and _asserts(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                calls = {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call)
                         and isinstance(c.func, ast.Name)}
                if not _asserts(node) and not calls & checkers and not any(
                        name.startswith(("check", "assert")) for name in calls):
                    empty.append(f"{path.name}:{node.name}")
    assert not empty, empty


def _asserts(node: ast.AST) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            name = inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
            if name in ("raises", "fail") or name.startswith("assert_"):
                return True
    return False


def test_every_primitive_has_a_derivative_and_every_linear_one_a_transpose():
    """A scan has its own, in ``scanning``; what stands in neither table depends on nothing smoothly."""
    from ncd.interpret.derivative.jvp_rules import RULES, _constant
    from ncd.interpret.derivative.transpose_rules import RULES as turned
    from ncd.ops.control import Scan
    assert not [cls.__name__ for cls in BASIS if cls is not Scan and cls not in RULES]
    smooth = {cls for cls in BASIS if cls is not Scan and RULES[cls] is not _constant}
    assert {cls.__name__ for cls in smooth - set(turned)} == {"TopK", "Eigh"}       # a gather; einsums


def test_every_table_is_total():
    from ncd.interpret.cost import RULES as cost_rules
    from ncd.interpret.jax.rules import RULES as jax_rules
    from ncd.interpret.reference.rules import RULES as reference_rules
    for name, table in (("cost", cost_rules), ("jax", jax_rules), ("reference", reference_rules)):
        missing = [cls.__name__ for cls in BASIS if cls not in table]
        assert not missing, f"{name} has no rule for {missing}"


def test_the_package_names_no_workplace():
    words = ["/work/", "shared/refer", "DESIGN" + ".md", "language" + ".md", "rivals" + ".md"]
    pages = [*(ROOT / "theory").rglob("*.*"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    for path in [*SOURCES, *pages]:
        if path.suffix in (".py", ".md") and path.exists():
            text = path.read_text(encoding="utf-8")
            found = [word for word in words if word in text]
            assert not found, f"{path}: {found}"


MAKERS = [name for name in ncd.construct.__all__
          if getattr(ncd.construct, name).__annotations__.get("return") == "Diagram"]


@pytest.mark.parametrize("name", MAKERS)
def test_what_builds_a_diagram_shows_an_example(name):
    assert ">>>" in inspect.getdoc(getattr(ncd.construct, name)), f"{name} has no running example"
