"""The command line: what each command prints, its exit codes, and what it says of wrong input."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ncd
from ncd.analysis import agreement as trial
from ncd.command import main as cli
from ncd.interpret.cost import MEASURES, RATIOS
from ncd.interpret.cost.breakdown import CUTS
from tests.semantics.test_zoo import SIZES

FILE = '''\
import ncd
from dataclasses import dataclass
from ncd.core.array import Array

@ncd.diagram("y k, x k, x v -> y v")
def attention(q, k, v):
    scores = ncd.einsum("y k, x k -> y x")(q, k) * ncd.size("k") ** -0.5
    return ncd.einsum("y x, x v -> y v")(ncd.softmax("x")(scores), v)

heads = attention.lift("h")
block = attention.block("attention").lift("h")
relu = ncd.elementwise("relu").on("x")
strided = ncd.nn.convolution("x", "c -> e=8", kernel=5, stride=2)
log = ncd.elementwise("log").on("x")
fixed = relu.bind(x=3)

@ncd.diagram("x -> x")
def noisy(x):
    from ncd.construct.generators import key, random
    return x + random("normal", "x")(key()())

@dataclass(frozen=True)
class Wrong(ncd.Operation):
    array: Array
    dom = property(lambda self: (self.array,))
    cod = property(lambda self: (self.array,))
    def definition(self):
        return ncd.reduce("sum", "x")

wrong = Wrong(Array([ncd.Axis("x")]))
'''


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "m.py").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- show ------------------------------------------------------------------------------
def test_show(ncd_says):
    assert ncd_says("show", "m.py:attention") == (0, """\
attention : y k, x k, x v -> y v
sizes    k, v, x, y

a : y k
b : x k
c : x v
d = einsum[y k, x k -> y x](a, b) : y x
e = multiply[·, k**(-1/2)](d)     : y x
f = softmax[x](e)                 : y x
g = einsum[y x, x v -> y v](f, c) : y v
-> g
""", "")


def test_show_with_sizes_binds_them(ncd_says):
    code, out, _ = ncd_says("show", "m.py:heads", "--size", "x=128", "k=64", "--size", "h=8")
    assert code == 0
    assert out.startswith("heads : h=8 y k=64, h=8 x=128 k=64, h=8 x=128 v -> h=8 y v\nsizes    v, y\n")


def test_show_opens_blocks_by_depth(ncd_says):
    shallow, once, twice = (ncd_says("show", "m.py:block", "--depth", str(n))[1] for n in range(3))
    assert "d = attention(a, b, c)" in shallow and "softmax" not in shallow
    assert "attention : h y k, h x k, h x v -> h y v\n  a : h y k" in once and "exp" not in once
    assert "softmax[x] : h y x -> h y x\n" in twice and "  e = exp(d)" in twice


def test_show_for_programs(ncd_says):
    code, out, _ = ncd_says("show", "m.py:attention", "--json")
    data = json.loads(out)
    assert code == 0 and data["title"] == "attention" and data["sizes"] == ["k", "v", "x", "y"]
    assert data["dom"] == ["y k", "x k", "x v"] and data["cod"] == ["y v"]
    assert data["operations"][2] == {"name": "softmax[x]", "reads": [4], "makes": [5], "types": ["y x"]}


@pytest.mark.parametrize("name, begins", [
    ("d.svg", "<svg "), ("d.txt", "h "), ("d.json", "{\n"), ("d.TXT", "h "), ("d.tex", "% h y k"),
    ("d.html", "<!DOCTYPE html>")])
def test_show_writes_files(ncd_says, folder, name, begins):
    (folder / name).write_text("old")
    assert ncd_says("show", "m.py:heads", "-o", name) == (0, f"wrote {name}\n", "")
    assert (folder / name).read_text(encoding="utf-8").startswith(begins)
    assert sorted(item.name for item in folder.iterdir()) == sorted([name, "m.py"])


def test_what_is_written_as_json_is_the_diagram(ncd_says, folder):
    ncd_says("show", "m.py:attention", "-o", "d.json")
    assert ncd.load("d.json") == ncd.load("m.py:attention")
    assert ncd_says("show", "d.json") == ncd_says("show", "m.py:attention")


@pytest.mark.parametrize("name", ["no/such/d.txt", "no/such/d.svg", "no/such/d.json"])
def test_a_file_that_cannot_be_written(ncd_says, name):
    code, out, err = ncd_says("show", "m.py:relu", "-o", name)
    assert (code, out) == (2, "") and err.startswith("ncd: cannot write") and "No such file" in err


def test_an_old_file_survives_a_failure(ncd_says, folder, monkeypatch):
    (folder / "d.txt").write_text("old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", fail)
    code, _, err = ncd_says("show", "m.py:relu", "-o", "d.txt")
    assert code == 2 and "No space left" in err and (folder / "d.txt").read_text() == "old"
    assert [item.name for item in folder.iterdir() if item.name.startswith(".d")] == []


def test_a_suffix_that_says_no_format(ncd_says):
    code, _, err = ncd_says("show", "m.py:relu", "-o", "d.docx")
    assert code == 2 and "have    .docx" in err and ".svg" in err and ".json" in err
    assert ncd_says("show", "m.py:relu", "-o", "plain")[0] == 2
    assert ncd_says("show", "m.py:relu", "--depth", "-1")[0] == 2


# -- cost ------------------------------------------------------------------------------
def test_cost_as_formulas(ncd_says):
    code, out, _ = ncd_says("cost", "m.py:relu")
    assert code == 0 and out.startswith("relu : x -> x\nsizes    none given of x\n\n")
    assert re.search(r"^flops +FLOP +x$", out, re.M) and re.search(r"^reads +bytes +4\*x$", out, re.M)
    first = [line.split()[0] for line in out.split("\n\n")[1].splitlines()]
    assert first == [*MEASURES, *RATIOS]
    assert re.search(r"^block +share  FLOP\nrelu +100.0%  x\ntotal +100.0%  x$", out, re.M)


def test_cost_as_numbers_in_80_columns(ncd_says):
    code, out, _ = ncd_says("cost", "m.py:heads", "--size", "h=8", "x=128", "y=128", "k=64", "v=64")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert re.search(r"^flops +FLOP +34,207,744 +2\*h\*k\*x\*y", out, re.M)
    assert re.search(r"^total +34.2M 100.0% ", out, re.M)
    exact = ncd.load("m.py:heads").cost().exact["flops"]
    assert exact.evaluate({"h": 8, "x": 128, "y": 128, "k": 64, "v": 64}) == 34_207_744


def all_sizes(*names: str, times: int = 1) -> list[str]:
    """--size with a number for each size of some models, if they have any."""
    symbols = sorted(frozenset().union(*(ncd.zoo.ZOO[name]().symbols for name in names)))
    return ["--size", *(f"{symbol}={SIZES.get(symbol, 4) * times}" for symbol in symbols)] if symbols else []


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
@pytest.mark.parametrize("more", [
    (), ("--by", "block", "--depth", "2"), ("--by", "block", "--depth", "9"), ("--by", "operation"),
    ("--by", "axis"), ("--backward",), ("--vs", "gru"), ("--convention", "unit"), ("--masks", "skip")],
    ids=lambda more: "_".join(more) or "whole")
def test_every_model_reads_well_in_80_columns(ncd_says, name, more):
    # Large sizes: numbers of many digits leave the formulas little room.
    some = all_sizes(name, *(["gru"] if "--vs" in more else []), times=4096)
    for given in [[], some[:2], some] if len(some) > 2 else [[]]:
        code, out, err = ncd_says("cost", name, *more, *given)
        lines = out.splitlines()
        assert (code, err) == (0, "") and max(map(len, lines)) <= 80
        title = f"{name} (first)" if more == ("--vs", name) else name
        assert lines[0].startswith(f"{title} : ")           # what was typed, also where it has another title
        assert not [line for line in lines if line != line.rstrip()]
        assert not [line for line in lines if line.endswith((" +", " -", "*", "(")) and " : " not in line]
        assert not re.search(r"(?<![\d.])0\.0%|… 1 more", out)
        # Brackets close in each formula: none is cut off in the middle.
        assert out.count("(") == out.count(")")


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
def test_every_measure_of_every_model_is_shown_with_its_unit(ncd_says, name):
    cost = ncd.zoo.ZOO[name]().cost()
    units = MEASURES | {ratio: unit for ratio, (unit, _, _) in RATIOS.items()}
    for given in ([], all_sizes(name)):
        rows = [line.split(maxsplit=2) for line in ncd_says("cost", name, *given)[1].splitlines()]
        shown = {row[0]: row[1:] for row in rows if row and row[0] in units and row[1] == units[row[0]]}
        assert list(shown) == list(units)
        for measure in MEASURES:
            size = cost.exact[measure]
            if given or not size.symbols:
                wanted = size.evaluate({symbol: SIZES.get(symbol, 4) for symbol in size.symbols})
                assert shown[measure][1].split()[0] == f"{wanted:,}"
            else:
                assert re.match(r"[\w(]", shown[measure][1])


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
@pytest.mark.parametrize("cut, units", [("block", ["FLOP", "params", "bytes"]),
                                        ("operation", ["FLOP", "calls", "bytes"])])
def test_shares_of_every_model_add_up(ncd_says, name, cut, units):
    out = ncd_says("cost", name, "--by", cut, *all_sizes(name))[1]
    head, *rows = out.splitlines()[out.splitlines().index("") + 1:]
    assert head.split() == [cut, *units] and rows[-1].startswith("total ")
    rows = [line for line in rows if re.search(r"\d[kMGT]?( +<?[\d.]+%)?$", line)]     # not a long title
    for n in range(3):
        columns = [line[32 + 16 * n:48 + 16 * n].split() for line in rows]
        shares = [float(cells[1].strip("<%")) for cells in columns[:-1] if len(cells) == 2]
        # Each is rounded to a tenth, and one below that is taken as a tenth.
        assert columns[-1] == ["0"] or columns[-1][1] == "100.0%"
        assert not shares or abs(sum(shares) - 100) <= 0.1 * len(shares)
        assert all(len(cells) == 2 or cells == ["0"] for cells in columns)


def test_cost_with_some_sizes_says_which_are_wanted(ncd_says):
    out = ncd_says("cost", "m.py:heads", "--size", "h=8")[1]
    assert "h = 8; k, v, x, y not given: what wants them has no number" in out
    assert re.search(r"^depth +steps +8$", out, re.M) and re.search(r"^flops +FLOP +-  \S", out, re.M)


def test_cost_by_operation(ncd_says):
    out = ncd_says("cost", "m.py:attention", "--by", "operation")[1]
    assert re.search(r"^reduce sum +x\*y - y$", out, re.M)
    assert re.search(r"^einsum contraction ×2 ", out, re.M)
    code, out, _ = ncd_says("cost", "m.py:attention", "--by", "operation", "-s", "x=2", "y=3", "k=4", "v=5")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert re.search(r"^reduce sum +3 ", out, re.M)


def test_cost_by_block_and_by_axis(ncd_says):
    out = ncd_says("cost", "m.py:block", "--by", "block", "--depth", "3")[1]
    assert re.search(r"^  \S", out, re.M) and re.search(r"^total +2\*h\*k\*x\*y", out, re.M)
    out = ncd_says("cost", "m.py:attention", "--by", "axis", "-s", "x=2", "y=3", "k=4", "v=5")[1]
    rows = out.splitlines()
    assert rows[3].split() == ["axis", "size", "flops", "params", "reads", "writes", "peak_memory"]
    assert rows[4].split()[:3] == ["k", "4", "1"]


def test_what_a_cut_prints_is_what_python_has(ncd_says):
    """Also for sizes and assumptions; each cut of Python is one of the command line."""
    cost, given = ncd.load("m.py:attention").cost(), {"x": 2, "y": 3, "k": 4, "v": 5}
    sizes = ["-s", *(f"{name}={number}" for name, number in given.items())]
    for by in CUTS:
        for more, rows in (([], cost.by(by)), (sizes, cost.by(by, **given)),
                           (["--assume", "x>k"], cost.by(by, assume="x>k"))):
            assert ncd_says("cost", "m.py:attention", "--by", by, *more)[1].endswith(f"\n\n{rows}\n")


def test_cost_for_programs(ncd_says):
    data = json.loads(ncd_says("cost", "m.py:relu", "--json", "--size", "x=7")[1])
    assert data["cost"]["reads"] == {"formula": "4*x", "value": 28} and data["sizes"] == {"x": 7}
    assert json.loads(ncd_says("cost", "m.py:relu", "--json")[1])["cost"]["reads"]["value"] is None
    found = json.loads(ncd_says("cost", "m.py:attention", "--json", "--by", "block")[1])
    softmax = next(row for row in found["rows"] if row["block"] == "softmax[x]")
    assert softmax["transcendentals"] == {"formula": "x*y", "value": None}
    assert found["total"]["flops"]["formula"] == str(ncd.load("m.py:attention").cost().exact["flops"])


def test_cost_as_csv_and_latex(ncd_says):
    for more in ((), ("--by", "block"), ("--by", "operation"), ("--by", "axis"), ("--backward",),
                 ("--vs", "m.py:heads")):
        rows = list(csv.reader(io.StringIO(ncd_says("cost", "m.py:attention", "--csv", *more)[1])))
        assert len(rows) > 2 and len({len(row) for row in rows}) == 1
        text = ncd_says("cost", "m.py:attention", "--latex", *more)[1]
        lines = text.strip().splitlines()
        assert lines[0].startswith(r"\begin{tabular}") and lines[-1] == r"\end{tabular}"
        columns = lines[0].count("l") - 1       # the name of the environment has one
        assert {line.count(" & ") for line in lines if line.endswith(r"\\")} == {columns - 1}
        assert text.count("$") % 2 == 0


def test_cost_backward(ncd_says):
    out = ncd_says("cost", "m.py:strided", "--backward", "--policy", "nothing", "--optimiser", "sgd")[1]
    assert "policy   nothing\nstep     sgd\n" in out
    rows = [line.split()[:3] for line in out.splitlines()]
    at = rows.index(["flops", "FLOP", "forward"])
    assert [row[0] for row in rows[at + 1:] if row and row[0] in ("backward", "optimiser", "total")][:3] == [
        "backward", "optimiser", "total"]
    step = ncd.load("m.py:strided").cost().training(policy="nothing", optimiser="sgd")
    asked = ("--backward", "--policy", "nothing", "--optimiser", "sgd", "--json")
    data = json.loads(ncd_says("cost", "m.py:strided", *asked)[1])
    assert data["training"]["flops"]["formula"] == str(step.exact["flops"])


def test_cost_under_assumptions_and_against_another(ncd_says):
    out = ncd_says("cost", "residual_mlp", "--assume", "d > 2*m")[1]
    assert "assumed  d > 2*m" in out and re.search(r"^activations +bytes +8\*d\*x$", out, re.M)
    out = ncd_says("cost", "residual_mlp", "--vs", "scaled_attention")[1]
    assert "along y  y < 2*x*(2*d*m + d + m)/(4*k*x + 5*x - 2)" in out
    out = ncd_says("cost", "residual_mlp", "--vs", "scaled_attention",
                   "-s", "d=9", "k=3", "m=4", "x=5", "y=6")[1]
    assert re.search(r"^params +elements +85 +0$", out, re.M)
    assert re.search(r"^depth +steps +6 +8 +0.75$", out, re.M)
    data = json.loads(ncd_says("cost", "pre_norm_block", "--vs", "post_norm_block", "--json")[1])
    assert data["cost"]["flops"]["ratio"] == 1 and set(data["more flops where"].values()) == {"never"}


@pytest.mark.parametrize("bad, text", [
    (("--by", "rows"), "invalid choice: 'rows'"), (("--depth", "2"), "--depth without --by"),
    (("--by", "block", "--depth", "0"), "--depth 0"), (("--by", "axis", "--backward"), "two questions"),
    (("--json", "--csv"), "not allowed with"), (("--assume", "x"), "an inequality of two sizes"),
    (("--assume", "x>k", "k>x"), "no sizes satisfy `k>x` with `x>k`"),
    (("--assume", "x>k", "-s", "x=2", "k=3"), "break the assumption `x>k`"),
    (("--vs", "nothing_such"), "no model is called"),
    (("--policy", "nothing"), "--policy without --backward"),
    (("--convention", "mine"), "invalid choice: 'mine'"), (("-s", "z=3"), "the diagram has no size z")])
def test_cost_refuses(ncd_says, bad, text):
    code, out, err = ncd_says("cost", "m.py:attention", *bad)
    assert code == 2 and out == "" and text in err


def test_cost_without_what_is_not_needed(ncd_says, folder):
    (folder / "masked.py").write_text(
        "from ncd import nn\ngiven = nn.attention('input')\n"
        "causal = nn.self_attention('x m', 'h', 'k', mask='causal')\n"
        "conv = nn.convolution('x', 'c -> e', padding=1, bias=False)\n")

    def flops(*asked):
        code, out, err = ncd_says("cost", *asked, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)["cost"]["matrix_flops"]
    assert flops("masked.py:conv", "--taps", "valid")["formula"] == "6*c*e*x - 4*c*e"
    assert flops("masked.py:causal", "--masks", "skip")["formula"] == "8*h*k*m*x + 2*h*k*x**2 + 2*h*k*x"
    out = ncd_says("cost", "masked.py:causal", "--masks", "skip", "--by", "block")[1]
    assert "masks    x <= y: (1/2)*x**2 + (1/2)*x entries\n" in out and "4*h*k*x**2" not in out
    assert "not counted" in ncd_says("cost", "masked.py:conv", "--taps", "valid")[1]
    given = flops("masked.py:given", "--masks", "3=n", "-s", "n=5", "k=2", "v=3", "x=4", "y=5")
    assert given == {"formula": "2*k*n + 2*n*v", "value": 50}
    for bad, text in (("skip", "masks={3: "), ("some", "no masks 'some'"), ("x=n", "as in 3=n"),
                      ("0=n", "input 0 is no mask")):
        code, out, err = ncd_says("cost", "masked.py:given", "--masks", bad)
        assert (code, out) == (2, "") and text in err
    assert ncd_says("cost", "masked.py:conv", "--taps", "all")[0] == 2


def test_cost_at_sizes_that_break_a_constraint(ncd_says):
    code, _, err = ncd_says("cost", "m.py:strided", "--size", "x=3", "c=1")
    assert code == 2 and "sizes that are not positive whole numbers" in err


def test_equal_operations_stand_together(ncd_says):
    out = ncd_says("cost", "pre_norm_block", "--by", "block")[1]
    assert re.search(r"^layer_norm\[m\] ×2 ", out, re.M) and re.search(r"^add ×2 ", out, re.M)


# -- run -------------------------------------------------------------------------------
def test_run(ncd_says):
    code, out, err = ncd_says("run", "m.py:strided", "--size", "x=16", "c=3", "--seed", "1")
    assert (code, err) == (0, "") and "sizes    x = 16, c = 3\ninputs   random, seed 1\n" in out
    assert "params   128 numbers\n" in out and "output   x=6 e=8 : float32\n" in out
    assert re.search(r"compile  [\d.e-]+ s\nrun      [\d.e+-]+ ms", out)
    assert re.search(r"mean \S+  std \S+  min \S+  max \S+\n$", out)


def test_run_is_repeatable_and_seeds_differ(ncd_says):
    def outputs(seed):
        line = ncd_says("run", "m.py:strided", "-s", "x=16", "c=3", "--seed", seed, "--json")[1]
        return json.loads(line)["outputs"]
    assert outputs("1") == outputs("1") != outputs("2")


def test_run_for_programs_holds_what_numpy_says(ncd_says):
    data = json.loads(ncd_says("run", "m.py:relu", "--size", "x=1000", "--json")[1])
    (inputs,) = trial.random_inputs(ncd.load("m.py:relu"), {"x": 1000})
    made = data["outputs"][0]
    assert made["shape"] == [1000] and made["not_finite"] == 0 and data["parameters"] == 0
    assert made["mean"] == pytest.approx(inputs.clip(0).mean(), rel=1e-5) and made["min"] == 0


def test_run_says_what_is_not_finite(ncd_says):
    out = ncd_says("run", "m.py:log", "--size", "x=100")[1]
    assert re.search(r"^ +[3-7]\d entries are not finite$", out, re.M)


def test_run_draws_keys(ncd_says):
    code, out, _ = ncd_says("run", "m.py:noisy", "--size", "x=10")
    assert code == 0 and "output   x=10 : float32" in out


def test_run_without_all_sizes_names_those_that_miss(ncd_says):
    assert ncd_says("run", "m.py:heads", "--size", "x=2", "h=3") == (2, "", """\
ncd: no number for the size k, v, y
  mend    ncd run m.py:heads --size k=... v=... y=...
""")


def test_run_at_sizes_that_make_an_axis_vanish(ncd_says):
    code, _, err = ncd_says("run", "m.py:strided", "--size", "x=3", "c=1")
    assert code == 2 and "sizes that are not positive whole numbers" in err and "at x = 3" in err


def test_run_refuses_what_cannot_fit_in_memory(ncd_says):
    start = time.perf_counter()
    code, _, err = ncd_says("run", "m.py:relu", "--size", "x=1000000000000")
    assert code == 2 and "do not fit in memory" in err and "GiB" in err and time.perf_counter() - start < 5


# -- check -----------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["attention", "heads", "block", "relu", "strided", "fixed"])
def test_check_compares_jax_with_the_reference(ncd_says, name):
    code, out, err = ncd_says("check", f"m.py:{name}")
    assert (code, err) == (0, "") and out.endswith("ok\n") and "types    well typed" in out
    assert "of JAX against the float64 reference is" in out.replace("\n         ", " ")


def test_check_finds_sizes_that_fit(ncd_says):
    assert "sizes    c = 3, x = 7\n" in ncd_says("check", "m.py:strided")[1]
    assert "sizes    h = 3, k = 4, v = 5, x = 6, y = 7\n" in ncd_says("check", "m.py:heads")[1]
    given = ncd_says("check", "m.py:heads", "-s", "h=2")[1]
    assert "sizes    h = 2, k = 3, v = 4, x = 5, y = 6\n" in given
    code, _, err = ncd_says("check", "m.py:strided", "-s", "x=2")
    assert code == 2 and "no small sizes fit" in err


def test_check_finds_a_wrong_rule(ncd_says, monkeypatch):
    from ncd.interpret import reference
    from ncd.ops.pointwise import Map
    wrong = reference.REFERENCE | {Map: lambda run, op, *values: values[0] + 0.01}
    right = reference.run
    monkeypatch.setattr(reference, "run", lambda d, *inputs, **options: right(
        d, *inputs, interpretation=wrong, **options))
    code, out, _ = ncd_says("check", "m.py:relu")
    assert code == 1 and out.endswith("WRONG\n")
    data = json.loads(ncd_says("check", "m.py:relu", "--json")[1])
    assert data["ok"] is False and data["max_absolute_error"] > 0.005
    assert ncd_says("check", "m.py:relu", "--tolerance", "10")[0] == 0


def test_check_finds_a_wrong_type(ncd_says):
    code, out, _ = ncd_says("check", "m.py:wrong")
    assert code == 1 and "`wrong` has no valid definition" in out and out.endswith("WRONG\n")
    assert json.loads(ncd_says("check", "m.py:wrong", "--json")[1])["ok"] is False


def test_check_compares_shapes_only_where_numbers_are_random(ncd_says):
    code, out, _ = ncd_says("check", "m.py:noisy")
    assert code == 0 and "not compared: random numbers are drawn" in out


def test_check_finds_infinities_on_one_side():
    assert trial._error([1.0, float("nan")], [1.0, float("nan")]) == (0.0, 1.0)
    assert trial._error([1.0, 2.0], [1.0, float("nan")])[0] == float("inf")
    assert trial._error([float("inf")], [float("inf")]) == (0.0, 0.0)
    assert trial.Agreement([float("inf")], [0.0], [], True).relative == float("inf")
    assert json.loads(json.dumps(trial.plain(float("inf")))) > 1e300


def test_check_refuses_a_tolerance_that_is_none(ncd_says):
    assert ncd_says("check", "m.py:relu", "--tolerance", "-1")[0] == 2
    assert ncd_says("check", "m.py:relu", "--tolerance", "nan")[0] == 2


# -- zoo -------------------------------------------------------------------------------
def test_zoo(ncd_says, monkeypatch):
    def small():
        """A small model. It has one line."""
        return ncd.load("m.py:relu")
    monkeypatch.setattr("ncd.zoo.ZOO", {"small": small, "another": lambda: None})
    assert ncd_says("zoo") == (0, "another\nsmall    A small model. It has one line.\n", "")
    rows = json.loads(ncd_says("zoo", "--json")[1])
    assert rows[1] == {"name": "small", "text": "A small model. It has one line."}
    assert ncd_says("show", "small")[1].startswith("small : x -> x\n")


# -- as a process ----------------------------------------------------------------------
def process(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120,
                          check=False, **options)


def test_python_m_ncd_and_its_exit_code():
    done = process("-m", "ncd", "show", "m.py:attention")
    assert done.returncode == 0 and done.stdout.startswith("attention : y k") and done.stderr == ""
    assert process("-m", "ncd", "show", "m.py:nothing").returncode == 2


def test_show_and_cost_load_neither_jax_nor_sympy():
    code = ("import sys; from ncd.command.main import main; code = main(sys.argv[1:]); "
            "print(code, 'jax' in sys.modules, 'sympy' in sys.modules)")
    for arguments in (["show", "m.py:attention"], ["cost", "m.py:attention", "-s", "x=2"], ["--help"]):
        assert process("-c", code, *arguments).stdout.splitlines()[-1] == "0 False False", arguments


def test_a_reader_that_goes_away(folder):
    (folder / "long.py").write_text("""import ncd
d = relu = ncd.elementwise("relu").on("x")
for _ in range(5000):
    d = d >> relu
""")
    code = f"{sys.executable} -m ncd show long.py:d | head -c 9; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (141, "d : x -> ", "")


def test_a_terminal_without_unicode():
    done = process("-m", "ncd", "show", "m.py:attention", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "multiply[\\xb7, k**(-1/2)]" in done.stdout


def test_progress_is_said_on_a_terminal_only_and_after_a_second(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with cli._progress("quick"):
        pass
    with cli._progress("compiling"):
        time.sleep(1.3)
    assert capsys.readouterr().err == "compiling ...\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with cli._progress("compiling"):
        time.sleep(1.2)
    assert capsys.readouterr().err == ""
