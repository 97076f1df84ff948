"""Every check of the doctor: its id, which never changes, and the function that answers it."""

from collections.abc import Callable

from gatewaysite.doctor.checks import connections, exposure, front, process, server
from gatewaysite.doctor.findings import Verdict
from gatewaysite.doctor.installation import Installation

CHECKS: dict[str, Callable[[Installation], Verdict]] = {
    "db-answers": server.answers,
    "db-version": server.version,
    "db-encoding": server.encoding,
    "db-writable": server.writable,
    "db-schema": server.schema,
    "db-clock": server.clock,
    "db-budget": connections.budget,
    "db-engine": connections.engine,
    "db-conn-max-age": connections.conn_max_age,
    "db-atomic-requests": connections.atomic_requests,
    "db-pool": connections.pool,
    "db-keepalive": connections.keepalive,
    "db-belts": connections.belts,
    "db-pooler": connections.pooler,
    "db-prepared": connections.prepared,
    "db-listen": connections.listen,
    "db-idle-session": connections.idle_session,
    "guard-mode": connections.guard,
    "process-server": process.server,
    "process-fork": process.fork,
    "process-descriptors": process.descriptors,
    "process-metrics": process.metrics,
    "run-dir": process.run_dir,
    "debug": exposure.debug,
    "secret-key": exposure.secret_key,
    "encryption-keys": exposure.encryption_keys,
    "sealed-keys": exposure.sealed_keys,
    "first-admin": exposure.first_admin,
    "db-password": exposure.db_password,
    "db-embedded": exposure.db_embedded,
    "allowed-hosts": exposure.allowed_hosts,
    "public-url": exposure.public_url,
    "cookies": exposure.cookies,
    "upstream-networks": exposure.upstream_networks,
    "django": exposure.django,
    "proxy-answers": front.answers,
    "proxy-host": front.host,
    "proxy-buffering": front.buffering,
}
