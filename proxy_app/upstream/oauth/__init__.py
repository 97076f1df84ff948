"""Speaking OAuth to the authorization servers of upstreams. Knows no models; rows and pages are in proxy_app.oauth."""
