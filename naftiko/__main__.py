"""`python -m naftiko`, the same as the command `naftiko`."""

import sys

from naftiko.cli import main

sys.exit(main())
