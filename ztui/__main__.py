"""``python -m ztui``."""

import sys

from ztui.cli import main

if __name__ == "__main__":
    sys.exit(main())
