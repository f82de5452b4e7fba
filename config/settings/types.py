"""Settings for the type checker, which needs the models and no servers."""

import os

for _name, _value in {
    "DATABASE_URL": "postgresql://app:app@127.0.0.1:5432/tenantry",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": "only-for-the-type-checker-which-opens-nothing-at-all",
}.items():
    os.environ.setdefault(_name, _value)

from config.settings.test import *  # noqa: E402, F403 - after the environment is complete
