"""What makes one registered kind differ from another: the family's only knob."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import CharField, Expression, F, Func, QuerySet
from django.db.models.functions import Cast
from django.db.models import TextField
from pydantic import BaseModel

from auth_app.actor import Actor
from proxy_app.models import Registered

Values = Mapping[str, Any]
PlainRow = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a kind's table page. `key` names a member of the plain row; `sort` the model field, when sortable."""

    key: str
    label: str
    sort: str | None = None
    align: str = "start"
    template: str = "registry/cells/text.html"  # shows `value` and the whole `item`
