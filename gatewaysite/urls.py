"""The map of the control plane. Data-plane paths are in proxy_app/dataplane/router.py."""

from django.urls import include, path

from auth_app.urls import api_urlpatterns as access_api
from auth_app.urls import page_urlpatterns as access_pages
from proxy_app.catalogue.urls import api_urlpatterns as catalogue_api
from proxy_app.catalogue.urls import page_urlpatterns as catalogue_pages
from proxy_app.content.urls import api_urlpatterns as content_api
from proxy_app.content.urls import page_urlpatterns as content_pages
from proxy_app.drift.urls import api_urlpatterns as drift_api
from proxy_app.drift.urls import page_urlpatterns as drift_pages
from proxy_app.front.urls import urlpatterns as front_pages
from proxy_app.oauth.urls import api_urlpatterns as oauth_api
from proxy_app.oauth.urls import page_urlpatterns as oauth_pages
from proxy_app.observe.attest.urls import urlpatterns as attestations
from proxy_app.observe.effective.urls import api_urlpatterns as settings_api
from proxy_app.observe.effective.urls import page_urlpatterns as settings_pages
from proxy_app.observe.page_urls import urlpatterns as observe_pages
from proxy_app.probing.urls import api_urlpatterns as probing_api
from proxy_app.probing.urls import page_urlpatterns as probing_pages
from proxy_app.reference.urls import urlpatterns as reference
from proxy_app.registry.page_urls import urlpatterns as registry_pages
from proxy_app.registry.urls import api_urlpatterns as registry_api
from proxy_app.registry.urls import list_urlpatterns as registry_lists
from proxy_app.removal.urls import api_urlpatterns as removal_api
from proxy_app.rest.urls import api_urlpatterns as rest_api
from proxy_app.rest.urls import page_urlpatterns as rest_pages
from proxy_app.roots.urls import api_urlpatterns as roots_api
from proxy_app.roots.urls import page_urlpatterns as roots_pages
from proxy_app.search.urls import api_urlpatterns as search_api
from proxy_app.search.urls import page_urlpatterns as search_pages
from proxy_app.servers.urls import api_urlpatterns as servers_api
from proxy_app.servers.urls import page_urlpatterns as servers_pages
from proxy_app.tags.urls import api_urlpatterns as tags_api
from proxy_app.tags.urls import page_urlpatterns as tags_pages
from proxy_app.transfer.urls import api_urlpatterns as transfer_api
from proxy_app.transfer.urls import page_urlpatterns as transfer_pages

# What stands before the registry's items has names that would be taken for their keys.
json_endpoints = [
    *registry_lists,
    *content_api,
    *rest_api,
    *probing_api,
    *registry_api,
    *access_api,
    *oauth_api,
    *catalogue_api,
    *drift_api,
    *removal_api,
    *roots_api,
    *servers_api,
    *search_api,
    *tags_api,
    *transfer_api,
]
urlpatterns = [
    *json_endpoints,
    *settings_api,
    *front_pages,
    *rest_pages,
    *drift_pages,
    *probing_pages,
    *registry_pages,
    *access_pages,
    *oauth_pages,
    *catalogue_pages,
    *servers_pages,
    *search_pages,
    *tags_pages,
    *observe_pages,
    *attestations,
    *settings_pages,
    *content_pages,
    *roots_pages,
    *transfer_pages,
    *reference,
    path("v1/", include((json_endpoints, "v1"))),
]

handler400 = "gatewaysite.error_views.bad_request"
handler403 = "gatewaysite.error_views.permission_denied"
handler404 = "gatewaysite.error_views.page_not_found"
handler429 = "gatewaysite.error_views.too_many_requests"  # django-allauth asks for it
handler500 = "gatewaysite.error_views.server_error"
