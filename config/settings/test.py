"""Tests: the same product on servers of their own; only passwords are hashed more cheaply."""

from config.settings.base import *  # noqa: F403 - settings modules extend the base by name

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = False
