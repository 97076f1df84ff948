"""Exit code 0 when the gateway of this container is ready, 1 when not: the image has no curl."""

import http.client
import os
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
try:
    connection.request("GET", "/readyz", headers={"Host": "localhost"})
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"/readyz: {error}")
sys.exit(None if status == 200 else f"/readyz: {status}")
