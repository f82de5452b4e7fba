from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "tenants.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from tenants.lifecycle.health import probe_register
        from tenants.webhooks.health import webhooks_probe

        probe_register("webhooks", "Webhooks", webhooks_probe, order=70)
