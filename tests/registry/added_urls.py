"""The map of the control plane, with the kind that a test adds."""

from gatewaysite.urls import urlpatterns as served
from proxy_app.registry.page_urls import page_patterns_of
from proxy_app.registry.urls import items_of, lists_of
from tests.registry.added_kind import DATASETS

urlpatterns = [*lists_of(DATASETS), *items_of(DATASETS), *page_patterns_of(DATASETS), *served]
