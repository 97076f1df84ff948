"""The map of the control plane, with the kind that a test adds."""

from gatewaysite.urls import urlpatterns as served
from proxy_app.registry.page_urls import page_patterns_of
from proxy_app.registry.urls import patterns_of
from tests.registry.added_kind import DATASETS

urlpatterns = [*patterns_of(DATASETS), *page_patterns_of(DATASETS), *served]
