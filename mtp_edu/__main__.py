"""`python -m mtp_edu` is `mtp-edu`."""

import sys

from mtp_edu.cli import main

if __name__ == "__main__":
    sys.exit(main())
