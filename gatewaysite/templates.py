"""Django's template engine, rendering in a phase of its own: whoever renders, ours or a library, has the guard."""

import threading
from typing import Any

from django.forms.renderers import DjangoTemplates as DjangoTemplatesRenderer
from django.http import HttpRequest
from django.template.backends.django import DjangoTemplates, Template

from gatewaysite.context import Phase
from gatewaysite.phases import during

# Rendering only computes, and threads of one process that compute take the interpreter from each other in turn: four
# pages at once take four times as long each, and a unit of work beside them waits for all four after every statement,
# with its transaction open. One after the other, a page holds nothing while it waits for its turn.
_turn = threading.RLock()
# A template that waits for something, the database in a mode that lets it, must not stop every other page.
WAIT_FOR_TURN_S = 1.0


class Templates(DjangoTemplates):
    def from_string(self, template_code: str) -> "GuardedTemplate":
        return GuardedTemplate(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> "GuardedTemplate":
        return GuardedTemplate(super().get_template(template_name).template, self)


class FormRenderer(DjangoTemplatesRenderer):
    """Forms have an engine of their own, for Django's own templates of fields; a choice of rows queries in there."""

    backend = Templates


class GuardedTemplate(Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> str:
        with during(Phase.RENDER):
            has_turn = _turn.acquire(timeout=WAIT_FOR_TURN_S)
            try:
                return super().render(context, request)
            finally:
                if has_turn:
                    _turn.release()
