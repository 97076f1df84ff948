"""How signing in through a provider is turned down.

GatewayError
|-- Denied
|   |-- SsoRejected     403  sso_rejected       the provider's word does not count, or is none
|   `-- SsoPending      403  sso_pending        an administrator has to let the person in first
|-- InvalidState        400  invalid_state      not the answer to a question this browser asked
`-- Refused
    `-- SsoUnavailable  503  sso_unavailable    the provider does not answer, or not sensibly
"""

from gatewaysite.errors import Denied, GatewayError, Refused


class SsoRejected(Denied):
    """The provider's answer was not accepted."""

    code = "sso_rejected"


class SsoPending(Denied):
    """An administrator has to let you in first. You were put on the list; try again later."""

    code = "sso_pending"


class InvalidState(GatewayError):
    """This log-in was not begun in this browser, was used already, or took too long. Begin again."""

    status, code = 400, "invalid_state"


class SsoUnavailable(Refused):
    """The provider does not answer as it should; try again shortly."""

    code = reason = "sso_unavailable"
    come_back_s = 5


def outcome_of(error: GatewayError) -> str:
    """For the metric: a word of a fixed set."""
    known = {"sso_rejected", "sso_pending", "invalid_state", "sso_unavailable"}
    return error.code.removeprefix("sso_") if error.code in known else "failed"
