"""The former name of :mod:`ncd.construct`: programs that import from it run as before."""

from __future__ import annotations

from ncd.construct import *  # noqa: F403
from ncd.construct import __all__  # noqa: F401
