"""How each workspace is, as its last check found it; staff's list reads this and no schema."""

from typing import ClassVar

from django.db import models


class TenantHealth(models.Model):
    """One row a workspace. `figures`: by probe, `{"count", "told", "level"}`; `problems`: their
    names, of those that somebody should look at."""

    class Level(models.IntegerChoices):
        FINE = 0, "Fine"
        LOOK = 1, "Look"
        BAD = 2, "Bad"

    tenant = models.OneToOneField(
        "registry.Tenant", on_delete=models.CASCADE, primary_key=True, related_name="health"
    )
    checked_at = models.DateTimeField()
    level = models.PositiveSmallIntegerField(choices=Level, default=Level.FINE, db_index=True)
    problems = models.JSONField(default=list)
    figures = models.JSONField(default=dict)

    class Meta:
        verbose_name = "workspace's health"
        verbose_name_plural = "workspaces' health"
        ordering: ClassVar = ["-level", "tenant"]

    def __str__(self) -> str:
        return self.get_level_display()
