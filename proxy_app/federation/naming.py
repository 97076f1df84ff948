"""Which public names are taken where something is to be named. Queries for use inside units; no unit of its own."""

from typing import Any
from uuid import UUID

from proxy_app.models import Registered, Visibility


def taken_names(model: type[Registered], like: Registered, prefix: str, *, but: UUID | None = None) -> set[str]:
    """Names that begin so and belong to somebody in the scope of `like`; that of the row `but` does not count."""
    scope: dict[str, Any] = {"visibility": like.visibility}
    if like.visibility == Visibility.TEAM:
        scope["team_id"] = like.team_id
    elif like.visibility == Visibility.PRIVATE:
        scope["owner_id"] = like.owner_id
    rows = model._default_manager.filter(slug__startswith=prefix, **scope)
    if but is not None:
        rows = rows.exclude(pk=but)
    return set(rows.values_list("slug", flat=True))
