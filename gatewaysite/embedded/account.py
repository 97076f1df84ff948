"""Who PostgreSQL runs as: ourselves; it refuses root, who therefore becomes somebody else without opening a folder."""

import os
import pwd
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gatewaysite.embedded.errors import EmbeddedError


@dataclass(frozen=True, kw_only=True)
class Account:
    """One way to run a program of PostgreSQL; `owner` is the user its files must belong to, seen from outside."""

    name: str
    owner: int
    prefix: tuple[str, ...] = ()


def accounts() -> list[Account]:
    """The ways worth trying on this machine, best first."""
    if os.geteuid() != 0:
        return [Account(name="as you", owner=os.geteuid())]
    somebody = _unprivileged_user()
    return [_in_a_namespace(somebody), *_as_somebody_else(somebody)]


def dying_with_us(command: Sequence[str], signal_name: str) -> list[str]:
    """The command, which Linux will send this signal when we are gone, even by SIGKILL."""
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", signal_name, "--", *command]
    return list(command)


def _unprivileged_user() -> pwd.struct_passwd:
    # initdb looks the name up, so a number that /etc/passwd does not know will not do.
    for name in ("nobody", "postgres", "daemon"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError("PostgreSQL refuses to run as root and this machine has no user nobody, postgres or daemon.")


def _in_a_namespace(somebody: pwd.struct_passwd) -> Account:
    # In there our own files seem to be somebody's: nothing is chowned and a clone in /root (0700) stays readable.
    names = (f"--map-user={somebody.pw_uid}", f"--map-group={somebody.pw_gid}")
    return Account(name="in a user namespace", owner=0, prefix=("unshare", "--user", *names))


def _as_somebody_else(somebody: pwd.struct_passwd) -> list[Account]:
    become = ("setpriv", f"--reuid={somebody.pw_uid}", f"--regid={somebody.pw_gid}", "--clear-groups")

    def allowed_to(capability: str) -> tuple[str, ...]:
        # Without no_setuid_fixup access(2) would look past the capability, and PostgreSQL asks access(2).
        caps = f"-all,+{capability}"
        return (*become, f"--inh-caps={caps}", f"--ambient-caps={caps}", "--securebits=+no_setuid_fixup")

    who, owner = f"as {somebody.pw_name}", somebody.pw_uid
    return [
        Account(name=f"{who}, reading past permissions", owner=owner, prefix=allowed_to("dac_read_search")),
        # What a container has by default, where the capability above is missing.
        Account(name=f"{who}, past permissions", owner=owner, prefix=allowed_to("dac_override")),
        Account(name=who, owner=owner, prefix=become),
    ]
