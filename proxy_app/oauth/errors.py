"""What somebody who comes back from a provider may have done wrong, or somebody else to them."""

from gatewaysite.errors import BadInput


class InvalidState(BadInput):
    """This way back is not one that was begun here a moment ago, or it was taken before. Begin again with Connect."""

    status, code = 400, "invalid_state"


class WrongIssuer(BadInput):
    """This answer comes from another provider than the one that was asked. Nothing was sent to either."""

    status, code = 400, "invalid_issuer"
