"""Every public function refuses what is of the wrong kind, by an error of ncd's own."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import sys

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.core.argument import checks_of, public, public_name
from ncd.errors import ArgumentError, NcdError, SizeError, shown

MODULES = ("ncd", "ncd.construct", "ncd.construct.derived", "ncd.nn", "ncd.interpret.cost",
           "ncd.interpret.derivative", "ncd.interpret.draw", "ncd.interpret.jax", "ncd.interpret.reference",
           "ncd.construct.combinators", "ncd.face")


WRONG = [None, 3, -1, 2.5, float("nan"), "", "→", b"x", object(), [1, "x"], {}, np.arange(3.0), int, 1j,
         10 ** 400, nn.relu]


def _functions():
    seen = {}
    for module in map(importlib.import_module, MODULES):
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            ours = value.__module__ if inspect.isfunction(value) else ""
            if not name.startswith("_") and ours.startswith("ncd") and (
                    hasattr(module, "__all__") or ours == module.__name__):
                seen.setdefault(inspect.unwrap(value), value)
    return list(seen.values())


FUNCTIONS = _functions()


def _calls(function):
    """The calls of a function in its own examples: (function, positional, by name)."""
    names = dict(vars(sys.modules[function.__module__]), ncd=ncd, nn=nn)
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                    function.__name__, f"nn.{function.__name__}", f"ncd.{function.__name__}"):
                try:
                    yield [eval(compile(ast.Expression(a), "example", "eval"), names) for a in node.args], {
                        k.arg: eval(compile(ast.Expression(k.value), "example", "eval"), names)
                        for k in node.keywords}
                except Exception:       # an argument that the example makes within a function
                    continue
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            exec(compile(example.source, "example", "exec"), names)


def foreign(function, args, kwargs=None) -> str | None:
    """The error of a call where it is not one of ncd's own."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            function(*args, **kwargs or {})
        except NcdError:
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_a_wrong_kind_of_argument_is_an_error_of_ncd(function):
    """Each argument of an example of the docstring is put in the place of what it is not."""
    parameters = list(inspect.signature(function).parameters.values())
    for args, kwargs in list(_calls(function))[:1]:
        named = [p.name for n, p in enumerate(parameters) if n >= len(args) and p.kind in (
            p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        for place in [*range(len(args)), *dict.fromkeys([*kwargs, *named])]:
            for value in WRONG:
                given, options = list(args), dict(kwargs)
                if isinstance(place, int):
                    given[place] = value
                else:
                    options[place] = value
                assert foreign(function, given, options) is None, (
                    f"{public_name(function)}: {place} = {shown(value)}")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_every_annotation_names_a_kind(function):
    assert checks_of(inspect.unwrap(function)) is not None
    assert hasattr(function, "__wrapped__"), f"{function.__module__}.{function.__name__} is not @public"


LAYER = nn.linear("m -> k", name="a")
COST = LAYER.cost()
METHODS = [                             # those whose examples call them as methods, with what each takes
    (LAYER.on, "x m"), (LAYER.lift, "x"), (LAYER.repeat, 2), (LAYER.block, "title"), (LAYER.to_jax, ncd.jax),
    (LAYER.init, 0), (LAYER.cost, "default"), (LAYER.draw, None, 0, "light"),
    (LAYER.reverse, None, "everything"),
    (LAYER.forward, None), (LAYER.gradient, None), (LAYER.vjp, None), (LAYER.hessian_vector, None),
    (COST.by, "block"), (COST.compare, COST, "m"), (COST.crossover, "a", "a", "m"), (COST.dominant, "m"),
    (COST.leading, "m"),
    (COST.order, "m"), (COST.exponents,), (COST.sensitivity, "m"), (COST.table,), (COST.part, "a"),
    (COST.roofline, "A100"), (COST.plot, "m"), (ncd.from_json, "{}"), (ncd.load, "gru")]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: getattr(m[0], "__name__", "composite"))
def test_methods_refuse_wrong_kinds(method, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, *arguments = method
    for place in range(max(1, len(arguments))):
        for value in WRONG:
            attempt = [*arguments[:place], value, *arguments[place + 1:]]
            assert foreign(function, attempt) is None, shown(value)


@pytest.mark.parametrize("function", [
    ncd.where, ncd.construct.maximum, ncd.construct.minimum, ncd.construct.equal])
def test_wires_and_numbers_refuse_wrong_kinds(function):
    count = 3 if function is ncd.where else 2
    for place in range(count):
        for value in WRONG:
            def body(x, place=place, value=value):
                arguments = [x > 0, x, x][-count:]
                arguments[place] = value
                return function(*arguments)
            assert foreign(ncd.diagram("x"), [body]) is None, shown(value)


@pytest.mark.parametrize("make", [lambda: LAYER.to_jax(), lambda: LAYER.to_numpy()], ids=["jax", "reference"])
def test_programs_refuse_wrong_kinds(make):
    program, params = make(), LAYER.init(0, m=3, k=2)
    for value in [*WRONG, {"a": None}, {"a": {"weight": object(), "bias": "x"}}]:
        for arguments in ((value, np.ones(3)), (params, value)):
            assert foreign(program, arguments) is None, shown(value)
        assert foreign(program, [params, np.ones(3)], {"key": value}) is None, shown(value)


def test_a_refusal_names_the_function_the_value_and_an_example():
    with pytest.raises(ArgumentError) as caught:
        ncd.concat(3)
    assert caught.value.what == "ncd.concat: `label` is a text, not 3"
    assert caught.value.details["given"] == "3, of the type int"
    assert 'concat("x")' in caught.value.details["example"]
    assert isinstance(caught.value, TypeError)
    with pytest.raises(ArgumentError, match=r"ncd.nn.linear: `text` is a text, not \['m'\]"):
        nn.linear(["m"])
    with pytest.raises(ArgumentError, match="`body` is a diagram, not 3"):
        ncd.scan(3, "t")


def test_an_operation_stands_for_its_diagram():
    assert ncd.construct.residual(nn.relu.on("x").op) == ncd.construct.residual(nn.relu.on("x"))


def test_where_a_function_fails_its_arguments_are_held_against_their_kinds():
    @public
    def example(name: str | None = None, *sizes: int, scale: float = 1, **options: bool):
        if isinstance(name, str) and name == "own":
            raise SizeError("its own error comes first")
        if name == "fails" or not isinstance(name, str | None) or isinstance(scale, str):
            raise TypeError("from inside")
        if any(isinstance(value, str) for value in (*sizes, *options.values())):
            raise IndexError("from inside")
        return name, sizes, scale, options
    assert example() == (None, (), 1, {})
    assert example("a", 1, 2, scale=2.5, deep=True) == ("a", (1, 2), 2.5, {"deep": True})
    for wrong, parameter in ((lambda: example("a", 1, "2"), "sizes"), (lambda: example(1), "name"),
                             (lambda: example(scale="1"), "scale"), (lambda: example(deep="1"), "deep")):
        with pytest.raises(ArgumentError, match=f"`{parameter}` is") as caught:
            wrong()
        assert isinstance(caught.value.__context__, (TypeError, IndexError))
    with pytest.raises(SizeError, match="its own error"):
        example("own", "2")
    with pytest.raises(TypeError, match="from inside"):         # nothing is of a wrong kind
        example("fails")
    with pytest.raises(TypeError, match=r"missing 1 required"):
        ncd.concat()


def test_an_annotation_of_no_kind_is_refused():
    def example(x: Absent):             # noqa: F821
        raise TypeError("from inside")
    with pytest.raises(NcdError, match="names no kind of argument"):
        public(example)(3)
