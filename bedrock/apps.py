from django.apps import AppConfig


class BedrockConfig(AppConfig):
    name = "bedrock"
    verbose_name = "Models and guardrails"

    def ready(self) -> None:
        from bedrock.provisioning import tenant_substrate_ensure
        from tenants.lifecycle.steps import step_register

        step_register("bedrock.substrate", tenant_substrate_ensure, order=10)
