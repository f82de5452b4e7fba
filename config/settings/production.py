"""Behind TLS, on managed PostgreSQL, managed Redis and AWS."""

import os
from urllib.parse import unquote, urlsplit

from config.env import BadEnvironment
from config.settings.base import *  # noqa: F403 - settings modules extend the base by name
from config.settings.base import STORAGES, env

if env.scheme != "https":
    raise BadEnvironment("PUBLIC_SCHEME must be https in production.")
for _name in ("BASE_HOST", "AWS_TENANT_ROLE_ARN"):
    if not os.environ.get(_name):
        raise BadEnvironment(f"{_name} is not set: production has no default for it.")
if not env.email_url:
    raise BadEnvironment("EMAIL_URL is not set: smtp://user:password@host:587 (STARTTLS is used).")

_mail = urlsplit(env.email_url)
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _mail.hostname or ""
EMAIL_PORT = _mail.port or 587
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_TLS = True
EMAIL_TIMEOUT = 20  # seconds; a mail server that only listens would hold a worker for good

# A stolen password of staff must not open every workspace's settings.
STAFF_SECOND_FACTOR = env.staff_second_factor or "required"

SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STORAGES |= {
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
