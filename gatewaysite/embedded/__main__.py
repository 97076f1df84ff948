"""Run a command as in a local run: `python -m gatewaysite.embedded ./manage.py migrate`.

It gets DATABASE_URL, SECRET_KEY and the rest that `make run` sets. The database is the one of a running `make run`, or
one started for as long as the command takes; a DATABASE_URL of your own is left alone.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from gatewaysite.embedded import EmbeddedError, FolderInUse, running_url, serve
from gatewaysite.embedded.environment import data_folder, local_environment


def main(command: list[str]) -> int:
    """Exit code of the command; 2 when there is none or no database for it."""
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        try:
            url = os.environ.get("DATABASE_URL") or _embedded(stack, data_folder(os.environ))
        except EmbeddedError as error:
            print(error, file=sys.stderr)
            return 2
        return _run(command, local_environment(os.environ, url))


def _embedded(stack: ExitStack, folder: Path) -> str:
    try:
        return stack.enter_context(serve(folder))
    except FolderInUse:
        url = running_url(folder)
        if url is None:  # its owner is starting or stopping it
            raise
        return url


def _run(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)
    # Ctrl-C reaches the child too, and the child decides; the database has to outlive it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
