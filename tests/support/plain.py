"""HTTP to our own ports, without TLS: clients share one context, so that none reads certificates.

httpx reads the authorities' certificates for every client that is not given a context: some
20 ms of CPU each time.
"""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
