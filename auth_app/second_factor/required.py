"""Who has to have a second factor. Whoever lacks it is led to set one up, and gets nowhere else."""

from django.conf import settings

from auth_app.actor import Actor
from auth_app.second_factor.work import has_second_factor
from gatewaysite.errors import Denied


class SecondFactorMissing(Denied):
    """Set up a second factor first: this gateway asks one of you."""

    code = "second_factor_required"
    put_right_at = "mfa_index"


def is_required(*, is_admin: bool) -> bool:
    whom = settings.REQUIRE_SECOND_FACTOR
    return bool(whom == "everybody" or (whom == "administrators" and is_admin))


def check_second_factor(actor: Actor) -> None:
    """For people in a session. Raises SecondFactorMissing."""
    if is_required(is_admin=actor.is_admin) and not has_second_factor(actor.user_id):
        raise SecondFactorMissing
