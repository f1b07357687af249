"""``python -m tinyml_nas``."""

import os
import sys
from contextlib import suppress

from tinyml_nas import interrupts


def main() -> int:
    """The exit code of the command line; Ctrl-C is dealt with before anything heavy is loaded."""
    interrupts.stop_at_once()
    from tinyml_nas.cli import main as command_line

    code = command_line()
    if interrupts.was_asked():  # an ordinary exit may end by the signal instead of with our code
        with suppress(OSError):  # whoever read our output may be gone
            sys.stdout.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
