"""Parts of pages that are the same for many requests: rendered once for the same plain data."""

import time
from typing import Any

from django.template.loader import get_template
from django.utils.safestring import SafeString

from gatewaysite.responses import dump_json

# How long a part is shown again. Nothing in it grows old but words such as "3 minutes ago".
SECONDS = 60
KEPT_AT_MOST = 4_000


class _Fragments:
    """By template, data and minute. The data is the key, whole, so a part is never shown for other data."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, bytes], SafeString] = {}
        self._minute = 0

    def get(self, template: str, context: dict[str, Any]) -> SafeString:
        minute = int(time.time()) // SECONDS
        if minute != self._minute or len(self._made) >= KEPT_AT_MOST:
            self._made, self._minute = {}, minute
        key = (template, dump_json(context))
        if (found := self._made.get(key)) is None:
            found = self._made[key] = SafeString(get_template(template).render(context))
        return found


_fragments = _Fragments()


def fragment(template: str, context: dict[str, Any]) -> SafeString:
    """The template rendered with plain data, without a request: it knows no person, no token against forgery."""
    return _fragments.get(template, context)
