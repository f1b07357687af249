"""``python -m tinyml_nas``."""

import os
import sys

from tinyml_nas import interrupts
from tinyml_nas.errors import missing_package


def main() -> int:
    """The exit code of the command line; a stop is dealt with before anything heavy is loaded."""
    interrupts.stop_at_once()
    try:
        from tinyml_nas.cli import main as command_line
        from tinyml_nas.console import flush_output
    except ModuleNotFoundError as error:
        if (missing := missing_package(error)) is None:
            raise
        sys.stderr.write(f"error: {missing.message}\n  hint: {missing.hint}\n")
        return missing.exit_code

    try:
        code = command_line()
    finally:
        flush_output()
    if interrupts.was_asked():  # an ordinary exit may end by the signal instead of with our code
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
