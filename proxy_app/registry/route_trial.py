"""The box that tries a proxy route, and its access log, as plain data a page can show."""

from collections.abc import Mapping
from typing import Any

from proxy_app.dataplane.proxy.trial import Trial, TrialResult

Plain = dict[str, Any]
Texts = Mapping[str, str]

# Outcomes that are nobody's fault.
CALM = {"ok": "ok", "client_left": "off"}


def trial_of(texts: Texts) -> Trial:
    """The request a posted form stands for. A path without its slash is meant to have one."""
    target = texts.get("path", "").strip()
    return Trial(
        method=texts.get("method", ""),
        target=target if target.startswith(("/", "?")) or not target else f"/{target}",
        body=texts.get("body", "").replace("\r\n", "\n").encode(),
        content_type=texts.get("content_type", ""),
    )


def trial_fields(methods: list[str], texts: Texts) -> list[Plain]:
    """The form's controls, filled in as they were."""
    method = texts.get("method") or methods[0]
    choices = [{"value": one, "label": one} for one in methods]
    return [
        _control("method", "Method", method, "select", required=True, choices=choices),
        _control("path", "Path", texts.get("path", "/"), placeholder="/orders?page=1"),
        _control("content_type", "Type of the body", texts.get("content_type", "application/json")),
        _control("body", "Body", texts.get("body", ""), "lines"),
    ]


def shown(result: TrialResult) -> Plain:
    """The template context of an answer."""
    return {
        "title": f"Answered {result.status}" if not result.error else f"Failed: {result.status or 'no answer'}",
        "tone": "bad" if result.error or result.status >= 500 else "warn" if result.status >= 400 else "ok",
        "error": result.error,
        "headers": [{"name": name, "value": value} for name, value in result.headers],
        "body": _text(result.body),
        "note": "" if result.complete else f"The first {len(result.body):,} bytes.",
        "duration_ms": result.duration_ms,
        "upstream_ms": result.upstream_ms,
    }


def call_row(call: Mapping[str, Any]) -> Plain:
    """A line of the access log."""
    status = call["status"] or 0
    asked_wrong = 400 <= status < 500
    tone = "warn" if asked_wrong else CALM.get(call["outcome"], "bad")
    return {
        "at": call["at"],
        "method": call["method"],
        "path": call["path"] or "/",
        "status": status or "",
        "outcome": call["outcome"].replace("_", " ") if call["outcome"] != "ok" else "",
        "tone": "bad" if status >= 500 else tone,
        "duration_ms": call["duration_ms"],
        "bytes": f"{call['request_bytes'] or 0:,} / {call['response_bytes'] or 0:,}",
    }


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        if error.start > len(body) - 4:  # cut inside a character
            return body[: error.start].decode()
        return f"({len(body):,} bytes that are no text)"


def _control(key: str, label: str, value: str, kind: str = "text", **more: Any) -> Plain:
    control = {"id": f"try-{key}", "key": key, "label": label, "kind": kind, "value": value, "choices": []}
    rest = {
        "type": "",
        "help": "",
        "required": False,
        "error": "",
        "when": "",
        "autocomplete": "off",
        "placeholder": "",
    }
    return control | rest | more
