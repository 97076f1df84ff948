"""Structured logs: one JSON object per event, or coloured lines for people."""

import logging.config
import sys
from typing import Any

import structlog

from gatewaysite.context import current


def with_request(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Say which request a line belongs to."""
    if context := current.get():
        event |= {"request_id": context.request_id, "route": context.route}
    return event


def without_query(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Django gives its lines the request, which is written with its query string, and people put secrets there."""
    event.pop("request", None)
    return event


SHARED: list[Any] = [
    with_request,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    without_query,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(options: dict[str, Any]) -> None:
    """Send every logger, ours and the libraries', through one formatter to standard error."""
    renderer: Any = structlog.processors.JSONRenderer()
    if options["format"] == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": SHARED,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                "procrastinate": {"level": "WARNING"},
                "aiohttp": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
                # Anybody can send any Host; each would be an error with a traceback. The answer is 400.
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                # The pool reports each failed attempt; the gateway answers 503 and says so once.
                "psycopg.pool": {"level": "ERROR"},
            },
        }
    )
