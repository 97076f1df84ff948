"""The gateway's own routes, and the views of these tests beside them."""

from gatewaysite import urls
from tests.control_plane import bad_views, views

urlpatterns = [*views.urlpatterns, *bad_views.urlpatterns, *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
