"""A package of which only the parts that are asked for are imported.

DisCoPy's ``__init__`` imports all of it, quantum gates and grammars too, which takes time and fails where
Python strips docstrings (``PYTHONOPTIMIZE=2``).
"""

from __future__ import annotations

import importlib.util
import sys
import types


class _Partial(types.ModuleType):
    """A package whose ``__init__`` runs when somebody asks for what no submodule is called."""

    def __getattr__(self, name: str):
        dunder = name.startswith("__") and name not in ("__all__", "__version__", "__version_info__")
        whole = vars(self).get("__whole__", False)
        if whole or dunder:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        part = f"{self.__name__}.{name}"
        if importlib.util.find_spec(part) is not None:
            return importlib.import_module(part)
        _complete(self)
        return getattr(self, name)

    def __dir__(self):
        _complete(self)
        return super().__dir__()


def _complete(package: _Partial) -> None:
    """Run the package's own ``__init__``, once."""
    if not vars(package).get("__whole__"):
        vars(package)["__whole__"] = True           # what it imports of itself is looked up plainly
        try:
            package.__spec__.loader.exec_module(package)
        except BaseException:
            vars(package)["__whole__"] = False
            raise


def import_parts_only(name: str) -> None:
    """Let submodules of a package be imported without the package's ``__init__``.

    To all others the package is as before: its submodules are imported when they are asked for, and what
    else it defines when it is asked for. Where the package is imported already, nothing changes.
    """
    if name in sys.modules or (spec := importlib.util.find_spec(name)) is None:
        return
    package = importlib.util.module_from_spec(spec)
    package.__class__ = _Partial
    sys.modules[name] = package
