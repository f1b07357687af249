"""``python -m tinyml_nas``."""

import sys

from tinyml_nas.cli import main

if __name__ == "__main__":
    sys.exit(main())
