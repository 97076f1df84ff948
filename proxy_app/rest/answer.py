"""What an API answered, as the result of a tool (MCP, CallToolResult). Nothing of it is believed; all is bounded."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from proxy_app.rest import filters
from proxy_app.rest.plan import RestPlan

Result = dict[str, Any]

# A model reads no more than this with profit; a larger text is cut, and says so.
TEXT_LIMIT = 200_000
ERROR_TEXT_LIMIT = 4_000
BINARY_LIMIT_BYTES = 4 * 1024 * 1024
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json|text/json")
CHARSET = re.compile(r"charset=\"?([\w-]+)")


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """`type` is the value of Content-Type, `body` the whole body."""

    status: int
    type: str
    body: bytes


def result_of(plan: RestPlan, answer: RestAnswer) -> Result:
    if 300 <= answer.status < 400:
        return failed(f"The API answered {answer.status}, a redirect, which is never followed.")
    if answer.status >= 400 or answer.status < 200:
        said = _cut(_text(answer), ERROR_TEXT_LIMIT)
        return failed(f"The API answered with status {answer.status}.{' It said:' if said else ''}", said)
    if not answer.body:
        return _checked(plan, {"content": [_block(f"The API answered {answer.status}, with no content.")]})
    if JSON_TYPE.fullmatch(_mime(answer)) or not answer.type:
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            return _checked(plan, {"content": [_block(_cut(_text(answer), TEXT_LIMIT))]})
        return _of_json(plan, answer, value)
    return _checked(plan, {"content": [_other(answer)]})


def failed(*texts: str) -> Result:
    """A result that says what went wrong, for the model as much as for people."""
    return {"content": [_block(text) for text in texts if text], "isError": True}


def _of_json(plan: RestPlan, answer: RestAnswer, value: Any) -> Result:
    if plan.filter:
        if len(answer.body) > filters.FILTERED_AT_MOST_BYTES:
            return failed(f"The answer has {len(answer.body):,} bytes, too many to be filtered.")
        try:
            value = filters.apply(plan.filter, value)
        except filters.TooMuch:
            return failed("The tool's filter makes too much of this answer.")
        except filters.DoesNotFit as error:
            return failed(f"The tool's filter does not fit this answer: {str(error)[:300]}")
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if plan.filter else _text(answer)
    result: Result = {"content": [_block(_cut(text, TEXT_LIMIT))]}
    if isinstance(value, dict):
        result["structuredContent"] = value
    return _checked(plan, result)


def _checked(plan: RestPlan, result: Result) -> Result:
    """A tool that promises a schema keeps it, or says that it did not: clients refuse what does not fit."""
    if plan.output_schema is None:
        return result
    if "structuredContent" not in result:
        return failed(
            "The API's answer is not the JSON object that this tool's output schema promises.", *_texts(result)
        )
    if trouble := plan.output_schema.trouble(result["structuredContent"]):
        return failed(f"The API's answer is not what this tool's output schema promises: {trouble}", *_texts(result))
    return result


def _texts(result: Result) -> list[str]:
    return [_cut(block["text"], ERROR_TEXT_LIMIT) for block in result["content"] if block["type"] == "text"]


def _other(answer: RestAnswer) -> Result:
    """Text, an image, sound; what is neither is only told of."""
    mime = _mime(answer)
    kind = mime.partition("/")[0]
    if kind in {"image", "audio"} and mime != "image/svg+xml":
        if len(answer.body) > BINARY_LIMIT_BYTES:
            return _block(f"The API answered with {len(answer.body):,} bytes of {mime}, too many to pass on.")
        return {"type": kind, "data": base64.b64encode(answer.body).decode(), "mimeType": mime}
    text = _text(answer)
    if kind == "text" or "\0" not in text[:1000]:
        return _block(_cut(text, TEXT_LIMIT))
    return _block(f"The API answered with {len(answer.body):,} bytes of {mime}, which are no text.")


def _mime(answer: RestAnswer) -> str:
    mime = answer.type.partition(";")[0].strip().lower()
    return mime if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", mime) else "application/octet-stream"


def _text(answer: RestAnswer) -> str:
    charset = CHARSET.search(answer.type)
    try:
        return answer.body.decode(charset[1] if charset else "utf-8", errors="replace")
    except (LookupError, ValueError):
        return answer.body.decode(errors="replace")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n… {len(text) - limit:,} more characters"


def _block(text: str) -> Result:
    return {"type": "text", "text": text}
