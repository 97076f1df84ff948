"""The map of the control plane. Data-plane paths are in proxy_app/dataplane/router.py."""


from auth_app.login.urls import urlpatterns as login_urls

urlpatterns = [
    *login_urls,
]

handler400 = "gatewaysite.error_views.bad_request"
handler403 = "gatewaysite.error_views.permission_denied"
handler404 = "gatewaysite.error_views.page_not_found"
handler500 = "gatewaysite.error_views.server_error"
