"""When two e-mail addresses are one."""

from typing import Any

from django.db.models import EmailField
from django.db.models.functions import Lower
from django.db.models.lookups import Exact


@EmailField.register_lookup
class InAnyCase(Exact):
    """`email__iexact`: the same in small letters, which is what the constraints on addresses and their indexes say.

    Django's own compares capital letters, and under most locales PostgreSQL has one for both "i" and the Turkish one
    without a dot: whoever has the domain github.com with that letter would be taken for somebody at github.com, by a
    provider's word or by an invitation.
    """

    lookup_name = "iexact"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return Exact(Lower(self.lhs), str(self.rhs).lower()).as_sql(compiler, connection)
