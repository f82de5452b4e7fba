"""The embedded stack's settings; only passwords are hashed more cheaply, as in all tests.

The demo has thirteen passwords, and each walk signs in: a third of a second of computing for each.
"""

from config.settings.local import *  # noqa: F403 - settings modules extend the base by name

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
