"""``python -m tinyml_nas``."""

import sys

from tinyml_nas import interrupts


def main() -> int:
    """The exit code of the command line; Ctrl-C is dealt with before anything heavy is loaded."""
    interrupts.stop_at_once()
    from tinyml_nas.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
