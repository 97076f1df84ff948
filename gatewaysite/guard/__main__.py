"""`python -m gatewaysite.guard [paths] --format text|json|sarif`: 0 clean, 1 findings, 2 what could not be judged."""

import argparse
import sys
from pathlib import Path

from gatewaysite.guard.config import BadConfig
from gatewaysite.guard.engine import check
from gatewaysite.guard.report import FORMATS


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
    print(FORMATS[options.format](report))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
