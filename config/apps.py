from django.apps import AppConfig


class ProductConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self) -> None:
        """Load the Celery app, so that every process dispatches through the configured broker."""
        from config import celery  # noqa: F401 - loading it is the point
