"""The process: how gunicorn would run it, and what it needs of the system."""

import os
import resource

from django.conf import settings

from gatewaysite.doctor.findings import NotSeen, Verdict, error, ok, plural, warning
from gatewaysite.doctor.installation import Installation, is_production

OWN_FILES = 100  # libraries, logs, the event loop, static files on their way
CLIENTS = 4096  # that may connect to one worker in the same instant: the backlog of gunicorn.conf.py


def server(it: Installation) -> Verdict:
    try:
        run = it.rehearsal
    except NotSeen as failure:
        return error(f"The gateway cannot be loaded: {failure.detail}.", failure.cure)
    if run.worker_class != "asgi" or run.lifespan != "on":
        return error(
            f"gunicorn would use the worker class {run.worker_class!r} with lifespan {run.lifespan!r}: pools, snapshot"
            " and listener start with the lifespan of an ASGI worker.",
            "Start it with `--config gunicorn.conf.py`, and set neither in GUNICORN_CMD_ARGS.",
        )
    return ok(f"gunicorn would run {plural(run.workers, 'ASGI worker')} with lifespan.")


def fork(it: Installation) -> Verdict:
    """A thread, a socket or a loop made before the fork is dead in the child, or shared by all children."""
    run = it.rehearsal
    made = [
        (plural(run.sockets, "socket") if run.sockets else ""),
        (f"threads ({', '.join(run.threads)})" if run.threads else ""),
        (f"event loops ({', '.join(run.loops)})" if run.loops else ""),
    ]
    if any(made):
        return error(
            f"Loading the gateway makes {' and '.join(filter(None, made))}, which do not outlive a fork.",
            "Make them in the ASGI lifespan, and only construct in ready() and at import.",
        )
    if run.preload_app:
        return error(
            "preload_app is on: all workers would share what is made before the fork.",
            "Take --preload out of GUNICORN_CMD_ARGS, or preload_app out of gunicorn.conf.py.",
        )
    return ok("Nothing exists before the fork: no thread, socket or event loop, and preload_app is off.")


def descriptors(it: Installation) -> Verdict:
    limit = it.rehearsal.descriptors
    if limit == resource.RLIM_INFINITY:
        return ok("A worker may open any number of files.")
    upstreams, database = settings.HTTP_MAX_CONNECTIONS, settings.DB_POOL_MAX + it.outside_pool
    own = upstreams + database + OWN_FILES
    left = limit - own
    seen = f"A worker may open {limit} files: {own} for upstreams, database and itself, {max(left, 0)} for clients."
    cure = f"Raise the hard limit to {own + CLIENTS} or more (`ulimits: nofile` in compose, `LimitNOFILE=` in systemd)."
    if left <= 0:
        return error(seen, cure)
    return warning(seen, cure) if left < CLIENTS else ok(seen)


def run_dir(it: Installation) -> Verdict:
    """Looks without writing: whether the folder, or the nearest one above it, would let us."""
    folder = settings.RUN_DIR
    if not folder.is_absolute():
        return warning(
            f"RUN_DIR is {folder}, another folder for whoever starts elsewhere: the X-ray and attest would not find the"
            " workers of this machine.",
            "Set RUN_DIR to an absolute path.",
        )
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not (nearest.is_dir() and os.access(nearest, os.R_OK | os.W_OK | os.X_OK)):
        return warning(
            f"RUN_DIR is {folder}, where we may not write: the X-ray and attest would see one worker of this machine,"
            " not all.",
            "Set RUN_DIR to a folder that all workers of this machine share and may write to, such as /tmp/poolgate in"
            " a container.",
        )
    return ok(f"The workers of this machine find each other in {folder}.")


def metrics(it: Installation) -> Verdict:
    state = it.rehearsal.metrics
    if state == "broken":
        return error(
            "PROMETHEUS_MULTIPROC_DIR names no folder: no worker would start.",
            "Make it, empty and writable by the gateway.",
        )
    if state == "on":
        return ok("The workers' metrics add up in PROMETHEUS_MULTIPROC_DIR.")
    if it.workers > 1 and is_production():
        return warning(
            f"PROMETHEUS_MULTIPROC_DIR is not set: /metrics tells of whichever of the {it.workers} workers answers.",
            "Set it to a folder that is empty at every start, such as /tmp in the container.",
        )
    if it.workers == 1:
        return ok("One worker has nothing to add up, so PROMETHEUS_MULTIPROC_DIR need not be set.")
    return ok("PROMETHEUS_MULTIPROC_DIR is not set here; `make run` gives its workers a folder of their own.")
