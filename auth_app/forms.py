"""What the pages of this app do with a form that was sent: carry it out and go on, or show what was wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from gatewaysite.controls import Field, Texts, every_control, with_messages
from gatewaysite.errors import BadInput, Conflict, Denied
from gatewaysite.responses import redirect_after

type Plain = dict[str, Any]


def texts_of(request: HttpRequest) -> Texts:
    """What was typed, without what browsers leave around it."""
    return {name: text.strip() for name, text in request.POST.items() if isinstance(text, str)}


def done(request: HttpRequest, act: Callable[[], str], target: str, *args: Any) -> HttpResponse:
    """Carry it out, and go to the target with what it says, or with why it was not done.

    A refusal is a page of its own: it is kept, and names the decision.
    """
    try:
        said, tone = act(), "ok"
    except (BadInput, Conflict) as error:
        said, tone = error.message, "bad"
    messages.info(request, said, tone)
    return redirect_after(target, *args)


def with_errors(
    fields: Sequence[Field],
    error: BadInput | Conflict | Denied,
    names: Mapping[str, str] | None = None,
    *,
    clash: str = "name",
) -> tuple[list[Field], list[Plain]]:
    """The controls with their errors, and the summary. A clash is one of the name; a refusal, of no control.

    `names`: controls of what is called otherwise in the body. `clash`: the control of what has to be the only one.
    """
    said = {"" if isinstance(error, Denied) else clash: error.message}
    if isinstance(error, BadInput) and error.fields:
        said = {}
        for one in error.fields:
            name = str(next(part for part in reversed(one.loc) if isinstance(part, str)))
            said.setdefault((names or {}).get(name, name), one.msg)
    labels = {field["key"]: field["label"] for field in every_control(fields)}
    summary = [
        {"id": name if name in labels else "", "label": labels.get(name, name), "message": message}
        for name, message in said.items()
    ]
    return with_messages(fields, said), summary
