"""The command line: one diagram in, its type, cost, run or check out.

Each command applies one functor to a named diagram and prints the value. SymPy and JAX load
only for the commands that need them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ncd import __version__
from ncd.command import arguments, process, report
from ncd.core.category import Diagram
from ncd.core.check import check
from ncd.errors import InputError, NcdError, SizeError, escaped, told, user_location

EPILOG = """\
MODEL is what ncd.load takes:
  multi_head_attention    a name of the zoo (`ncd zoo` lists them)
  file.py:name            a diagram in a file of yours, which is run
  package.module:name     a diagram in a module
  model.json              a diagram saved as JSON; nothing is run

exit codes:
  0    all is well
  1    `ncd check` found the diagram wrong
  2    bad usage or bad input; the message says what and how to fix it
  3    an internal error; NCD_TRACEBACK=1 shows where
  130  interrupted; 141  the reader of the output went away
"""


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    top = _Parser("ncd", description="Deep-learning architectures as diagrams.",
                                  epilog=EPILOG, formatter_class=raw)
    top.add_argument("--version", action="version", version=f"ncd {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="show | cost | run | check | zoo")

    def command(name: str, run: Callable, text: str, model: bool = True,
                programs: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=EPILOG, formatter_class=raw)
        made.set_defaults(run=run)
        if model:
            made.add_argument("model", metavar="MODEL", nargs="?")
            made.add_argument("--size", "-s", nargs="+", action="extend", default=[], metavar="x=128",
                              help="numbers for size symbols")
        if programs:
            made.add_argument("--json", action="store_true", help="print JSON, for programs")
        return made
    made = command("show", show, "Show a diagram: its type and its operations.")
    made.add_argument("-o", "--output", metavar="FILE", help="write a picture (.svg .html .tex .png "
                                                             ".pdf .txt) or the diagram itself (.json)")
    made.add_argument("--depth", type=int, default=None, metavar="N",
                      help="open N levels of blocks (a model that is one block is opened once)")
    look = made.add_argument_group("options of a picture")
    look.add_argument("--width", type=float, metavar="PIXELS",
                      help="a picture of at most this width, in rows (characters in .txt)")
    look.add_argument("--names", metavar="'Q K V'", help="names before the inputs")
    look.add_argument("--multi", nargs="+", default=[], metavar="x=h,w", help="axes drawn as one double wire")
    look.add_argument("--legend", action="store_true", help="sizes in a panel, not on the wires")
    look.add_argument("--fences", action="store_true", help="a dotted line at each column of types")
    look.add_argument("--memory", type=int, metavar="N", help="save and load what passes more than N columns")
    look.add_argument("--text-as-paths", action="store_true", help="an SVG with its texts as outlines")
    look.add_argument("--theme", choices=["light", "dark"], help="the colours; a .txt has none")
    made = command("cost", cost, "Show what a diagram costs, as formulas and as numbers.", programs=False)
    made.add_argument("--by", choices=["block", "operation", "axis"],
                      help="a row for each block, kind of operation, or axis")
    made.add_argument("--depth", type=int, metavar="N", help="with --by block: open N levels of blocks (1)")
    made.add_argument("--backward", action="store_true", help="a training step: forward, backward, optimiser")
    made.add_argument("--policy", choices=["everything", "nothing", "contractions", "blocks"],
                      help="with --backward: what is kept, not computed again (everything)")
    made.add_argument("--optimiser", choices=["sgd", "momentum", "adam", "adamw", "none"],
                      help="with --backward (adam)")
    made.add_argument("--vs", metavar="OTHER", help="compare with another model")
    made.add_argument("--assume", nargs="+", action="extend", default=[], metavar="'x>d'",
                      help="what is known of the sizes that have no number")
    made.add_argument("--convention", choices=["expression", "unit", "xla", "none"],
                      help="what an entry of an elementwise operation counts (expression)")
    made.add_argument("--partial", action="store_true",
                      help="leave out operations without a rule, and say which, instead of an error")
    made.add_argument("--taps", choices=["dense", "valid"], default="dense",
                      help="valid: taps of convolutions on the padding do not count")
    made.add_argument("--masks", default="dense", metavar="skip|3=n",
                      help="skip: entries that masks remove do not count; INPUT=COUNT, .. says how many "
                           "entries of masks that are inputs are true")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, for programs")
    form.add_argument("--latex", action="store_true", help="print a table for a paper")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    made = command("run", run, "Run a diagram on random inputs with JAX.")
    made.add_argument("--seed", type=int, default=0, help="of inputs, parameters and keys (0)")
    made = command("check", check_model, "Check a diagram's types, and JAX against the reference.")
    made.add_argument("--seed", type=int, default=0, help="of inputs and parameters (0)")
    made.add_argument("--tolerance", type=float, default=1e-4, metavar="E",
                      help="the largest error allowed, relative to the largest entry (1e-4)")
    made.add_argument("--gradient", action="store_true", help="hold the derivatives against one another too")
    made.add_argument("--rules", metavar="FILE.py:NAME", help="what opaque boxes compute")
    command("zoo", zoo, "List the architectures that come with ncd.", model=False)
    return top


def _options(argv: Sequence[str] | None):
    """The options; a model that stands after --size x=1 is not one of the sizes."""
    top = parser()
    options = top.parse_args(argv)
    if getattr(options, "model", "") is None:
        last = next((texts for name in ("size", "assume", "multi") if (texts := getattr(options, name, None))
                     and not set(texts[-1]) & set("=<>")), None)
        if last is None:
            top.error(f"MODEL is missing: ncd {options.command} MODEL")
        options.model = last.pop()
    return options


class _Parser(argparse.ArgumentParser):
    """Arguments that are wrong are told without what they would do to a terminal."""

    def error(self, message):
        super().error(escaped(message))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process if none is given; the exit code comes back."""
    if argv is None:
        return process.run(lambda: _answer(sys.argv[1:]))
    return _answer(argv)


def _answer(argv: Sequence[str]) -> int:
    for name in ("stdout", "stderr"):           # closed, as for a service
        if getattr(sys, name) is None:
            setattr(sys, name, io.StringIO())
    answer = sys.stdout
    with contextlib.suppress(AttributeError, ValueError):   # a terminal without all of Unicode
        answer.reconfigure(errors="backslashreplace")
    try:
        options = _options(argv)
    except SystemExit as stop:              # argparse has said what is wrong, or has shown the help
        return stop.code if isinstance(stop.code, int) else 0
    except OSError as error:
        return _unwritten(error, answer)
    try:
        _named.cache_clear()                    # a file may have changed
        # What a file of the user's prints, now or when it is asked, is no part of the answer.
        with contextlib.redirect_stdout(sys.stderr):
            text, code = options.run(options)
        try:
            # The lines of comma-separated values end in two characters.
            lines = "\r\n".join(escaped(part, "\n") for part in text.split("\r\n"))
            print(lines, file=answer, flush=True)
        except (OSError, ValueError) as error:
            return _unwritten(error, answer)
        return code
    except NcdError as error:
        return _wrong(_message(error), 2)
    except KeyboardInterrupt:
        return 130
    except BaseException as error:          # a model's file may raise what is no Exception
        if os.environ.get("NCD_TRACEBACK"):
            raise
        from ncd.read.resolve import blamed
        if (fault := blamed(error, __file__)) is not None:
            return _wrong(_message(fault), 2)
        return _wrong(f"internal error: {type(error).__name__}: {told(error)}\n"
                      "  mend    NCD_TRACEBACK=1 shows where; please report it", 3)


def _wrong(text: str, code: int) -> int:
    if process.interrupts.seen:             # what the interrupt became is no news
        return process.INTERRUPTED
    line = f"ncd: {escaped(text, chr(10))}\n"
    try:
        sys.stderr.write(line)
    except (AttributeError, ValueError):    # closed, by a model's file
        with contextlib.suppress(OSError):
            os.write(2, line.encode("utf-8", "backslashreplace"))
    except OSError:
        pass
    return code


def _unwritten(error: Exception, answer) -> int:
    # What is left in the buffer goes nowhere, or the interpreter would complain at exit.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), answer.fileno())
    if isinstance(error, BrokenPipeError):
        return 141
    return _wrong(f"cannot write the output\n  why     {getattr(error, 'strerror', None) or error}", 2)


def _message(error: NcdError) -> str:
    """An error's text without the place of this program's own call."""
    here = user_location()
    where = ", ".join(part for part in (error.where or "").split(", ") if part and part != here)
    lines = [line for line in str(error).split("\n") if not line.startswith("  where   ")]
    return "\n".join([lines[0], *([f"  where   {where}"] if where else []), *lines[1:]])


@contextlib.contextmanager
def _progress(text: str) -> Iterator[None]:
    """Say on a terminal what takes longer than a second."""
    timer = threading.Timer(1.0, lambda: print(f"{escaped(text)} ...", file=sys.stderr, flush=True))
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


# -- the model and its sizes -----------------------------------------------------------
def _load(options) -> tuple[Diagram, str, dict[str, int]]:
    """The diagram, its title, and the sizes given for its symbols."""
    diagram, title = _named(options.model)
    return diagram, title, arguments.sizes(options.size, diagram.symbols)


@functools.cache
def _named(model: str) -> tuple[Diagram, str]:
    """The diagram of a name, and its title."""
    from ncd.read.resolve import load, zoo
    with _progress(f"loading {model}"):
        diagram = load(model)
    named = getattr(diagram, "title", None)
    return diagram, escaped(named if isinstance(named, str) and model not in zoo() else
                            Path(model.rpartition(":")[2]).stem)


# -- show ------------------------------------------------------------------------------
def show(options) -> tuple[str, int]:
    if options.depth is not None and options.depth < 0:
        raise InputError(f"--depth {options.depth}", want="0 or more")
    diagram, title, sizes = _load(options)
    if options.depth is None:
        options.depth = 1 if hasattr(diagram.op, "body") else 0
    if sizes:
        diagram = diagram.bind(**sizes)
    look = _look(options)
    if options.output:
        with _progress(f"writing {options.output}"):
            report.write(diagram, Path(options.output), title, options.depth, **look)
        if not options.json:
            return f"wrote {escaped(options.output)}", 0
    if options.json:
        graph = diagram.graph
        return json.dumps({
            "title": title, "dom": [str(a) for a in diagram.dom.inside],
            "cod": [str(a) for a in diagram.cod.inside], "sizes": sorted(diagram.symbols),
            "operations": [{"name": op.name, "reads": args, "makes": list(wires),
                            "types": [str(array) for array in op.cod]} for op, args, wires in graph]}), 0
    return report.described(diagram, title, options.depth), 0


def _look(options) -> dict:
    """The options of a picture that were given."""
    made = {name: value for name in ("width", "names", "legend", "fences", "memory", "theme",
                                         "text_as_paths")
            if (value := getattr(options, name)) not in (None, False)}
    for text in options.multi:
        name, sign, labels = text.partition("=")
        if not sign or not name:
            raise InputError(f"--multi {text}", want="a name and labels, as in x=h,w")
        if name in made.get("multi", {}):
            raise InputError(f"--multi {text}", have=f"{name} is given twice")
        made.setdefault("multi", {})[name] = tuple(labels.replace(",", " ").split())
    if made and (options.output or ".json").lower().endswith(".json"):
        raise InputError(f"--{next(iter(made)).replace('_', '-')} without a picture", mend="add -o FILE.svg")
    return made


# -- cost ------------------------------------------------------------------------------
def cost(options) -> tuple[str, int]:
    from ncd.command import cost as costs
    if options.depth is not None and options.depth < 1:
        raise InputError(f"--depth {options.depth}", want="1 or more")
    asked = [name for name in ("by", "backward", "vs") if getattr(options, name)]
    if len(asked) > 1:
        raise InputError(f"--{' and --'.join(asked)} are two questions", mend="ask one at a time")
    for name, of in (("depth", "by"), ("optimiser", "backward"), ("policy", "backward")):
        if getattr(options, name) is not None and not getattr(options, of):
            raise InputError(f"--{name} without --{of}")
    subject = _subject(options, options.model)
    form = next((name for name in costs.FORMATS if getattr(options, name, False)), "text")
    with _progress("measuring"):
        if options.by:
            text = costs.by(subject, options.by, options.depth or 1, form)
        elif options.backward:
            optimiser = options.optimiser or "adam"
            text = costs.training(subject, options.policy or "everything",
                                  None if optimiser == "none" else optimiser, form)
        elif options.vs:
            other = _subject(options, options.vs)
            if subject.title == other.title:        # the names they were given by tell them apart
                names = (options.model, options.vs) if options.model != options.vs else \
                    (f"{subject.title} (first)", f"{other.title} (second)")
                subject, other = subject._replace(title=names[0]), other._replace(title=names[1])
            text = costs.versus(subject, other, form)
        else:
            text = costs.whole(subject, form)
    return text, 0


def _subject(options, model: str):
    from ncd.algebra.assume import Assumptions
    from ncd.command.cost import Subject
    diagram, title = _named(model)
    masks = arguments.masks(options.masks)
    symbols = diagram.symbols if not options.vs else diagram.symbols | _named(options.vs)[0].symbols | \
        _named(options.model)[0].symbols
    if isinstance(masks, dict):                 # a count may be a size of its own
        symbols = symbols.union(*(size.symbols for size in masks.values()))
    sizes, assumed = arguments.sizes(options.size, symbols), Assumptions.read(options.assume)
    if unknown := sorted(assumed.symbols - symbols):
        raise SizeError(f"--assume names no size of the diagram: {', '.join(unknown)}",
                        have=f"the diagram's sizes: {', '.join(sorted(symbols)) or 'none'}")
    if diagram.symbols <= set(sizes):
        check(diagram, deep=True, sizes={name: sizes[name] for name in diagram.symbols})
    assumed.hold(sizes)
    with _progress("measuring"):
        found = diagram.cost(options.convention, None, options.partial, options.taps, masks)
    return Subject(diagram, title, found, sizes, assumed)


# -- run and check ---------------------------------------------------------------------
def run(options) -> tuple[str, int]:
    seed = arguments.seed(options.seed)
    diagram, title, sizes = _load(options)
    missing = sorted(diagram.symbols - set(sizes))
    if missing:
        raise SizeError(f"no number for the size {', '.join(missing)}",
                        mend=f"ncd run {options.model} --size {' '.join(f'{name}=...' for name in missing)}")
    check(diagram, deep=True, sizes=sizes)
    from ncd.analysis import agreement as trial
    timed = trial.time_jax(diagram, sizes, seed, _progress)
    outputs = [{"type": str(array)} | trial.summary(value)
               for array, value in zip(diagram.cod.inside, timed.outputs)]
    if options.json:
        return json.dumps({"title": title, "sizes": sizes, "seed": seed,
                           "parameters": timed.parameters, "compile_seconds": timed.compiling,
                           "run_seconds": timed.running, "outputs": outputs}), 0
    head = (f"{report.head(title, diagram)}\n"
          f"sizes    {report.sizes(sizes)}\n"
          f"inputs   random, seed {seed}\n"
          f"params   {timed.parameters:,} numbers\n"
          f"compile  {timed.compiling:.3g} s\n"
          f"run      {timed.running * 1000:.3g} ms, the best of {trial.REPEATS}")
    return "\n".join([head, *map(report.output, diagram.cod.inside, outputs)]), 0


def check_model(options) -> tuple[str, int]:
    if not options.tolerance >= 0:
        raise InputError(f"--tolerance {options.tolerance}", want="a number of at least 0")
    seed = arguments.seed(options.seed)
    diagram, title, sizes = _load(options)
    try:
        check(diagram, deep=True)
    except NcdError as error:
        return _verdict(options, {"title": title, "ok": False, "types": _message(error)})
    from ncd.analysis import checking
    sizes, rules = arguments.small(sizes, diagram), _rules(options)
    return _verdict(options, {"title": title} | checking.found(
        diagram, sizes, seed, options.tolerance, options.gradient, rules, _progress))


def _rules(options):
    from ncd.interpret import rules
    from ncd.read import resolve
    return rules.with_rules(resolve.named(options.rules)) if options.rules else None


def _verdict(options, data: dict) -> tuple[str, int]:
    return json.dumps(data) if options.json else report.verdict(data), 0 if data["ok"] else 1


# -- zoo -------------------------------------------------------------------------------
def zoo(options) -> tuple[str, int]:
    from ncd.read import resolve
    known = resolve.zoo()
    rows = {name: (known[name].__doc__ or "").strip().split("\n")[0] for name in sorted(known)}
    if options.json:
        return json.dumps([{"name": name, "text": text} for name, text in rows.items()]), 0
    widest = max(map(len, rows), default=0)
    lines = [line for name, text in rows.items() for line in report.hung(f"{name:<{widest}}  ", text)]
    return "\n".join(lines), 0


if __name__ == "__main__":
    sys.exit(main())
