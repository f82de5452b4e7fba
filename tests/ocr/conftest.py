"""Django for texts alone: what is refused is said in a language. No database, no servers."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.types")
django.setup()
