"""`python -m closedform`, the same as the command `closedform`."""

import sys

from closedform.cli import main

sys.exit(main())
