"""The environment of a local run: what `make run` and its neighbours set when you have not."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# What says where a local run serves. Whoever sets one of them chooses for all.
ADDRESS = ("HOST", "PORT", "PUBLIC_URL")


def data_folder(environment: Mapping[str, str]) -> Path:
    """Where local state lives: DATA_DIR, or `.data` in the clone."""
    return Path(environment.get("DATA_DIR") or ROOT / ".data").resolve()


def local_environment(environment: Mapping[str, str], database_url: str) -> dict[str, str]:
    """The environment given, with every setting added that a local run can choose by itself."""
    folder = data_folder(environment)
    if not any(environment.get(name) for name in ADDRESS):
        environment = {**environment, **kept_address(folder)}
    host, port = environment.get("HOST") or "127.0.0.1", environment.get("PORT") or "8000"
    chosen = {
        "HOST": host,
        "PORT": port,
        "PUBLIC_URL": public_url(host, port),
        "ALLOWED_HOSTS": ",".join(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", host])),
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": environment.get("SECRET_KEY") or kept_secret_key(folder),
        # The demo upstream, and whatever you try out, listens on this machine.
        "UPSTREAM_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "LOG_FORMAT": "console",
        "GRACEFUL_TIMEOUT": "5",  # nobody waits longer for Ctrl-C
    }
    return chosen | {name: value for name, value in environment.items() if value or name not in chosen}


def public_url(host: str, port: str) -> str:
    """What to type into a browser on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 -- read, not bound
    bare = reachable.strip("[]")
    return f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"


@contextmanager
def keeping_address(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Tell commands that run beside this process where it serves."""
    file = _address_file(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": os.getpid()} | {name: environment[name] for name in ADDRESS}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def kept_address(folder: Path) -> dict[str, str]:
    """Where the run of this folder serves; nothing when there is none, or none any more."""
    try:
        kept = json.loads(_address_file(folder).read_text())
        os.kill(kept.pop("pid"), 0)  # a run that was killed left its file behind
    except (OSError, ValueError):
        return {}
    return dict(kept)


def _address_file(folder: Path) -> Path:
    return folder / "address.json"


def kept_secret_key(folder: Path) -> str:
    """The key of this folder, made on first use: sessions and stored credentials outlive a restart."""
    path = folder / "secret_key"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
