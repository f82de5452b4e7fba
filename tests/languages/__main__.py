"""`make messages`: bring the catalogues in line with the sources, and compile them."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.types")
django.setup()

from tests.languages.catalogues import bring_up_to_date, catalogues  # noqa: E402 - after set-up

empty = 0
for catalogue in catalogues():
    added, dropped = bring_up_to_date(catalogue)
    waiting = catalogue.read().untranslated_entries()
    empty += len(waiting)
    print(f"{catalogue.path}: {added} new, {dropped} dropped, {len(waiting)} to translate")
sys.exit(1 if empty else 0)
