"""The log-in page, and logging out."""

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from auth_app.recognition import forget
from gatewaysite.responses import redirect_after, render_page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """The password is checked with no connection held: the form's only query is over by then."""
    target = safe_target(request.POST.get("next") or request.GET.get("next", ""))
    form = AuthenticationForm(request, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        auth.login(request, form.get_user())
        return redirect_after(target or settings.LOGIN_REDIRECT_URL)
    errors = [str(error) for error in form.non_field_errors()]
    errors += [f"{form.fields[name].label}: {error}" for name in form.fields for error in form.errors.get(name, [])]
    context = {"errors": errors if request.method == "POST" else [], "email": request.POST.get("username", "")}
    return render_page(request, "login.html", context | {"next": target}, status=422 if context["errors"] else 200)


def logout(request: HttpRequest) -> HttpResponse:
    """Log out, and be recognised no more."""
    response = LogoutView.as_view()(request)
    forget(response)
    return response


def safe_target(target: str) -> str:
    """Where to go after log-in: a path of this site, or nothing."""
    if target.startswith("/") and target.isprintable() and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    return ""
