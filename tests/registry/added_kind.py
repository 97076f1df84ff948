"""A kind as somebody would add it: all of it stands in this one file. Its migration is the table, see the test."""

from typing import Literal

from django.db import models

from proxy_app.models import Registered
from proxy_app.registry.columns import CHANGED, NAMED, SWITCHED, VISIBLE
from proxy_app.registry.data import MEMBERS, RegisteredData
from proxy_app.registry.kind import Column, Filter, Kind
from proxy_app.registry.storing import named
from proxy_app.registry.validation import Name, Scoped


class Dataset(Registered):
    kind = "datasets"

    source_url = models.CharField(max_length=2000)
    format = models.CharField(max_length=10, default="csv")
    rows_at_most = models.PositiveIntegerField(null=True, blank=True)
    is_sampled = models.BooleanField(default=False)

    class Meta(Registered.Meta):
        app_label = "added"


class DatasetData(RegisteredData):
    slug: str
    sourceUrl: str
    format: str
    rowsAtMost: int | None
    isSampled: bool


class DatasetUpdate(Scoped):
    name: Name = ""
    source_url: str = ""
    format: Literal["csv", "parquet"] = "csv"
    rows_at_most: int | None = None
    is_sampled: bool = False


class DatasetCreate(DatasetUpdate):
    name: Name
    source_url: str


DATASETS = Kind(
    slug="datasets",
    singular="dataset",
    explain="A dataset is a table of rows kept elsewhere.",
    model=Dataset,
    data=DatasetData,
    members={
        **MEMBERS,
        "slug": "slug",
        "sourceUrl": "source_url",
        "format": "format",
        "rowsAtMost": "rows_at_most",
        "isSampled": "is_sampled",
    },
    create=DatasetCreate,
    update=DatasetUpdate,
    columns=(NAMED, SWITCHED, Column(key="format", label="Format", sort="format"), VISIBLE, CHANGED),
    filters=(Filter(param="format", lookup="format", choices=("csv", "parquet"), label="Format"),),
    store=named,
)
