"""`python -m gatewaysite.guard [paths] --format text|json|sarif`: 0 clean, 1 findings, 2 what could not be judged."""

import argparse
import os
import sys
from pathlib import Path

from .config import BadConfig
from .engine import check
from .report import FORMATS


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gatewaysite.guard", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders; without any, what pyproject.toml names")
    parser.add_argument("--format", choices=FORMATS, default="text")
    options = parser.parse_args(arguments)
    try:
        report = check(options.paths)
    except (BadConfig, FileNotFoundError) as error:
        print(f"guard: {error}", file=sys.stderr)
        return 2
    try:
        print(FORMATS[options.format](report), flush=True)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
