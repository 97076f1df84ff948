"""What a search in full text finds a row by."""

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db.models import F, Func


class Words(Func):
    """The words of these columns, as they are: in no language, and with names split where people see a gap.

    It has no parameters, so that PostgreSQL knows the expression of an index again, in prepared statements too.
    """

    template = "to_tsvector('simple'::regconfig, translate(coalesce(%(expressions)s, ''), '-_./:<>&@=', '          '))"
    arg_joiner = ", '') || ' ' || coalesce("
    output_field: Any = SearchVectorField()


# Every kind has an index of this.
OF_AN_ITEM = Words(F("name"), F("description"))
