"""One column more, as a release would add it."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations, models

from config.stack.options import REPOSITORY

LAST = max(path.stem for path in Path(REPOSITORY / "assistant" / "migrations").glob("0*.py"))


class Migration(migrations.Migration):
    dependencies: ClassVar = [("assistant", LAST)]
    operations: ClassVar = [
        migrations.AddField("conversation", "bench", models.TextField(null=True)),
    ]
