"""The one order of tangents and cotangents: those of the inputs, then those of the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ncd.errors import InputError
from ncd.traverse.places import Path, build, find


class Ordered:
    """What is differentiated in inputs, by position, and in parameters, by place."""

    inputs: Sequence[int]
    parameters: Sequence[Path]

    def split(self, outputs: Sequence[Any]) -> tuple[tuple, dict]:
        """What the backward part returns as (cotangents of the inputs, parameters' as a pytree).

        Raises:
            InputError: Another number of cotangents.
        """
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        if len(outputs) != len(self.inputs) + len(self.parameters):
            raise InputError(f"{len(outputs)} cotangents to split", want=self._wanted())
        count = len(self.inputs)
        return tuple(outputs[:count]), build(dict(zip(self.parameters, outputs[count:])))

    def join(self, inputs: Sequence[Any] = (), parameters: Any = None) -> tuple:
        """The inverse of :meth:`split`: tangents in the order in which ``forward`` and ``hessian_vector``
        take them, of a tuple for the inputs and of a pytree for the parameters, which may hold more.

        Raises:
            InputError: Another number of inputs; a parameter that the pytree lacks.

        >>> import ncd
        >>> gradient = ncd.reduce("sum", "k").on("k").gradient()
        >>> gradient.join(*gradient.split([1.0]))
        (1.0,)
        """
        if not isinstance(inputs, (tuple, list)) or len(inputs) != len(self.inputs):
            have = f"{len(inputs)} of inputs" if isinstance(inputs, (tuple, list)) else \
                f"{type(inputs).__name__}, not a tuple of tangents"
            raise InputError("tangents of other inputs to join", have=have, want=self._wanted(),
                             mend="join((x, ...), parameters), as split gives them")
        return (*inputs, *(find({} if parameters is None else parameters, path) for path in self.parameters))

    def _wanted(self) -> str:
        return f"{len(self.inputs)} of inputs and {len(self.parameters)} of parameters"
