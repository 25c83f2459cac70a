"""Only the used parts of DisCoPy are imported, and all of it is there for who asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

UNUSED = {"quantum", "grammar", "tensor", "python", "stream", "matrix", "rigid", "frobenius"}

# One process: each question is asked in a fork, so that one does not answer for the next.
ASKED = """
import os, sys, json, pkgutil
import ncd, discopy

def falls(question):
    child = os.fork()
    if child == 0:
        try:
            exec(question, {})
        except BaseException as error:
            print(question, repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0

imported = [name.removeprefix("discopy.") for name in sys.modules if name.startswith("discopy.")]
parts = [part.name for part in pkgutil.iter_modules(discopy.__path__)]
forms = ["import discopy.{}", "from discopy import {}", "import discopy; discopy.{}.__name__"]
questions = [form.format(part) for form in forms for part in parts] + json.loads(sys.argv[1])
print(json.dumps([imported, len(parts), [question for question in questions if falls(question)]]))
"""
QUESTIONS = [
    "import discopy; assert discopy.__version__ == '1.2.2'",
    "import discopy; assert 'quantum' in dir(discopy) and '__version_info__' in dir(discopy)",
    "from discopy import *; assert quantum.Circuit and tensor.Diagram",
    "import discopy; assert not hasattr(discopy, 'no_such') and not hasattr(discopy, '__wrapped__')",
    "import importlib, discopy; assert importlib.reload(discopy).quantum",
    "import inspect, discopy; assert 'quantum' in inspect.getsource(discopy)",
    "from discopy.quantum import H, Ket; assert abs((Ket(0) >> H).eval().array[0] - 2 ** -.5) < 1e-6",
    "from discopy.grammar.pregroup import Word, Ty; assert str(Word('Alice', Ty('n'))) == 'Alice'",
    "from discopy.utils import dumps, loads; from discopy.cat import Box; f = Box('f', 'x', 'y');"
    "assert loads(dumps(f >> f[::-1])) == f >> f[::-1]",
    "from discopy import markov as m, python; x = m.Ty('x'); f = m.Box('f', x, x);"
    "F = m.Functor(ob={x: int}, ar={f: lambda n: n + 1}, cod=m.Category(python.Ty, python.Function));"
    "assert F(f >> f)(3) == 5",
    "import ncd, discopy; d = ncd.einsum('y k, x k -> y x') >> ncd.elementwise('exp').on('y x');"
    "assert discopy.markov.Diagram in type(d).__mro__ and len(d.inside) == 2"]


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_unused_parts_are_not_imported_and_all_are_there():
    done = python("-c", ASKED, json.dumps(QUESTIONS))
    imported, parts, failed = json.loads(done.stdout)
    assert not UNUSED & {name.split(".")[0] for name in imported}
    assert parts > 20 and failed == [], done.stderr


def test_a_discopy_that_is_imported_before_is_left_alone():
    done = python("-c", "import discopy; before = dict(vars(discopy)); import ncd;"
                        "assert vars(discopy) == before and type(discopy) is type(ncd)")
    assert (done.returncode, done.stderr) == (0, "")


def test_python_may_strip_docstrings():
    code = "from ncd.command.main import main; assert False; print(main(['show', 'mlp_recogniser']), " \
           "main(['cost', 'mlp_recogniser', '--by', 'block']), main(['zoo']))"
    done = python("-c", code, PYTHONOPTIMIZE="2")
    assert done.stderr == "" and done.stdout.endswith("0 0 0\n") and "linear" in done.stdout
