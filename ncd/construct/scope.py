"""Scopes: layers of one name are told apart by where they are called."""

from __future__ import annotations

from ncd.construct.trace import Trace, current_trace
from ncd.core.argument import public
from ncd.core.op import check_place
from ncd.errors import NcdError


class Scope:
    """A name that stands before the places of what a diagram under construction calls."""

    def __init__(self, name: str, running: Trace):
        self.name, self.running = name, running

    def __enter__(self) -> None:
        self.running.scopes.append(self.name)

    def __exit__(self, *_) -> None:
        self.running.scopes.pop()


@public
def scope(name: str) -> Scope:
    """Put what is called inside under a name: ``with ncd.scope("self"): attend(x)``.

    Layers and parameters of one name share their weights within a scope, and have weights of their own
    in another. Scopes nest: their names make a path. A name that begins with ``/`` stays what it is, one
    place for the whole model. ``layer(x, place="self")`` is the scope of one call.
    Raises:    NcdError: A name that is no place, or outside a diagram, where ``.block("self")`` does it.

    >>> from ncd import nn
    >>> from ncd.construct.trace import diagram
    >>> @diagram("x m -> x m")
    ... def twice(x):
    ...     for name in ("first", "second"):
    ...         with scope(name):
    ...             x = nn.linear("m -> m", bias=False, name="Q")(x)
    ...     return x
    >>> sorted(twice.init(0, m=2)), twice.cost().params
    (['first', 'second'], 2*m**2)
    """
    check_place(name, "a scope")
    if name.startswith("/"):
        raise NcdError(f"a scope is a place below others, not {name!r}", mend="leave out the first /")
    running = current_trace()
    if running is None:
        raise NcdError("a scope is for calls on wires inside @ncd.diagram",
                       mend=f'without wires a block is a scope: layer.block("{name}")')
    return Scope(name, running)
