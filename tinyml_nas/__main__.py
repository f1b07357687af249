"""``python -m tinyml_nas``."""

import os
import sys
from contextlib import suppress

from tinyml_nas import interrupts
from tinyml_nas.errors import missing_package


def main() -> int:
    """The exit code of the command line; Ctrl-C is dealt with before anything heavy is loaded."""
    interrupts.stop_at_once()
    try:
        from tinyml_nas.cli import main as command_line
    except ModuleNotFoundError as error:
        if (missing := missing_package(error)) is None:
            raise
        sys.stderr.write(f"error: {missing.message}\n  hint: {missing.hint}\n")
        return missing.exit_code

    code = command_line()
    if interrupts.was_asked():  # an ordinary exit may end by the signal instead of with our code
        with suppress(OSError):  # whoever read our output may be gone
            sys.stdout.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
