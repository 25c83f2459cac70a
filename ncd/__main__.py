"""``python -m ncd`` is the command line ``ncd``."""

from __future__ import annotations

import sys

from ncd.command.main import main

if __name__ == "__main__":
    sys.exit(main())
