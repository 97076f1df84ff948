"""The JSON endpoint of second factors: taking away those that somebody has lost."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer
from auth_app.second_factor import work
from auth_app.stamps import stamp_of


def second_factor(request: HttpRequest, email: str) -> HttpResponse:
    """Somebody else's."""

    def reset(actor: Actor) -> HttpResponse:
        work.reset(actor, email, stamp_of(request, actor))
        return HttpResponse(status=204)

    return answer(request, {"DELETE": reset})
