"""`manage.py gateway ...`: what an operator does to an installation, one sub-command each."""

import os
import sys
from argparse import ArgumentParser
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.crypto import get_random_string

from auth_app.audit import work as audit
from auth_app.stamps import Stamp
from auth_app.tokens import secrets as token_secrets
from auth_app.tokens.work import ensure_token
from auth_app.users.work import ensure_administrator, load_actor
from gatewaysite.doctor import command as doctor
from gatewaysite.doctor.findings import plural
from gatewaysite.errors import BadInput
from gatewaysite.keyring import work as keyring
from gatewaysite.secrets import first_key_id
from proxy_app.observe.attest import command as attest
from proxy_app.transfer import command as transfer

BOOTSTRAP_TOKEN = "bootstrap"  # noqa: S105 (the token's name)
FIRST_TOKEN = "first token"  # noqa: S105
LEAST_AUDIT_DAYS = 30
# What a worker process may hold outside its pool: one follows changes, one listens for jobs, three serve them.
LISTENER_CONNECTIONS, JOB_CONNECTIONS = 1, 4


class Command(BaseCommand):
    help = "Operate the gateway."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser("bootstrap", help="make sure the first administrator and the bootstrap token exist")
        demo = commands.add_parser("demo-upstream", help="serve a small real MCP server to try the gateway with")
        demo.add_argument("--host", default="127.0.0.1")
        demo.add_argument("--port", type=int, default=9100)
        register = commands.add_parser("register-demo", help="register the demo upstream as a gateway")
        register.add_argument("--url", required=True)
        doctor.add_options(commands.add_parser("doctor", help="say what is wrong with this installation, and the cure"))
        forget = commands.add_parser("forget-audit", help="delete old audit entries, which leaves an entry")
        forget.add_argument("--older-than-days", type=int, required=True, metavar="DAYS", help="at least 30")
        commands.add_parser("rotate-keys", help="seal stored secrets anew, with the first of ENCRYPTION_KEYS")
        attest.add_options(commands.add_parser("attest", help="watch how database connections are held, and sign it"))
        for name, about in transfer.COMMANDS.items():
            transfer.add_options(name, commands.add_parser(name, help=about))

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        match command:
            case "bootstrap":
                self.bootstrap()
            case "demo-upstream":
                self.demo_upstream(options["host"], options["port"])
            case "register-demo":
                self.register_demo(options["url"])
            case "doctor":
                self.doctor(options)
            case "forget-audit":
                self.forget_audit(options["older_than_days"])
            case "rotate-keys":
                self.rotate_keys()
            case "attest":
                sys.exit(attest.run(options, self.stdout, self.stderr))
            case _:
                sys.exit(transfer.run(command, options, self.stdout, self.stderr))

    def bootstrap(self) -> None:
        """Idempotent. What was generated is printed now and never again."""
        if 0 < len(settings.GATEWAY_BOOTSTRAP_TOKEN) < token_secrets.MIN_LENGTH:
            raise CommandError(f"GATEWAY_BOOTSTRAP_TOKEN must have at least {token_secrets.MIN_LENGTH} characters.")
        password = settings.ADMIN_PASSWORD or get_random_string(20)
        generated = not settings.ADMIN_PASSWORD
        user_id, created = ensure_administrator(settings.ADMIN_EMAIL, password, generated=generated)
        remark = "" if created else " (since an earlier start, whose password stays)"
        self.stdout.write(f"administrator: {settings.ADMIN_EMAIL}{remark}")
        if created and generated:
            self.stdout.write(f"password (shown once): {password}")
        if settings.GATEWAY_BOOTSTRAP_TOKEN:
            ensure_token(user_id, BOOTSTRAP_TOKEN, settings.GATEWAY_BOOTSTRAP_TOKEN)
        elif created:
            secret = token_secrets.new_secret()
            ensure_token(user_id, FIRST_TOKEN, secret)
            self.stdout.write(f"API token (shown once): {secret}")

    def forget_audit(self, days: int) -> None:
        if days < LEAST_AUDIT_DAYS:
            raise CommandError(f"The audit is kept for {LEAST_AUDIT_DAYS} days at least.")
        before = timezone.now() - timedelta(days=days)
        gone = audit.forget(before, Stamp(email=settings.ADMIN_EMAIL, via="command"))
        self.stdout.write(f"audit: {gone} entries from before {before:%Y-%m-%d} are gone")

    def demo_upstream(self, host: str, port: int) -> None:
        """Becomes the server: one that has nothing to do with us would carry Django's 30 MB for nothing."""
        if find_spec("mcp") is None:
            raise CommandError("The demo upstream needs the packages of requirements-dev.txt.")
        os.execv(sys.executable, [sys.executable, "-m", "proxy_app.demo.server", host, str(port)])  # noqa: S606

    def register_demo(self, url: str) -> None:
        from proxy_app.demo.setup import ensure_demo  # imports the job library, which needs every app ready

        # Never with an empty password, should somebody run this before bootstrap.
        password = settings.ADMIN_PASSWORD or get_random_string(20)
        user_id, _created = ensure_administrator(settings.ADMIN_EMAIL, password)
        try:
            ensure_demo(load_actor(user_id, settings.ADMIN_EMAIL, is_admin=True), url)
        except BadInput as error:  # UPSTREAM_ALLOWED_NETWORKS may leave this machine out
            self.stderr.write(f"The demo gateway is not registered: {error.message}")

    def rotate_keys(self) -> None:
        """Says how many there were under which key, by its id; the keys themselves are never shown."""
        done, first = keyring.rotate_keys(), first_key_id()
        for id, count in sorted(done.found.items()):
            under = f"key {id}" if id else "a key that is not named"
            self.stdout.write(f"{plural(count, 'secret')} under {under}{', the first' if id == first else ''}.")
        self.stdout.write(
            f"{plural(done.moved, 'secret')} sealed anew, with key {first}, the first of ENCRYPTION_KEYS."
        )
        for place in done.closed:
            self.stdout.write(f"None of ENCRYPTION_KEYS opens {place}: enter that secret again.")
        if done.closed:
            sys.exit(1)

    def doctor(self, options: dict[str, Any]) -> None:
        outside_pool = LISTENER_CONNECTIONS + (JOB_CONNECTIONS if settings.JOB_CONCURRENCY else 0)
        if code := doctor.run(options, outside_pool=outside_pool, out=self.stdout, style=self.style):
            sys.exit(code)
