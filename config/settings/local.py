"""The embedded stack on one machine: mails are written to files, everything else as anywhere."""

from config.settings.base import *  # noqa: F403 - settings modules extend the base by name
from config.settings.base import VAR_DIR

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
