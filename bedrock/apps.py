from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BedrockConfig(AppConfig):
    name = "bedrock"
    verbose_name = "Models and guardrails"

    def ready(self) -> None:
        from bedrock.batch_upkeep import jobs_erase, jobs_left
        from bedrock.erasing import (
            guardrail_erase,
            guardrail_left,
            logs_expiring,
            logs_left,
            profiles_erase,
            profiles_left,
        )
        from bedrock.health import drift_probe, errors_probe
        from bedrock.invocations import LOGS, copies_over, copies_retire, log_days
        from bedrock.knowledge_bases import base_erase, base_left, tenant_knowledge_ensure
        from bedrock.names import model_told
        from bedrock.profiles import frontier_and_small
        from bedrock.provisioning import (
            tenant_guardrail_ensure,
            tenant_profiles_ensure,
            tenant_storage_ensure,
        )
        from bedrock.selectors import requests_decided
        from billing.levers import models_register
        from billing.naming import names_register
        from tenants.accounts.auditlog import decided_register
        from tenants.lifecycle.health import probe_register
        from tenants.lifecycle.retention import Kind, kind_register
        from tenants.lifecycle.steps import erase_register, step_register

        kind_register(
            Kind(
                LOGS,
                _("Logged calls"),
                _("What was asked of models and what they answered, as AWS logged it."),
                copies_over,
                copies_retire,
                order=30,
                most=log_days,
                usual=log_days,
            )
        )
        decided_register(requests_decided)
        models_register(frontier_and_small)
        names_register(model_told)
        probe_register("drift", "Drift in AWS", drift_probe, order=30)
        probe_register("errors", "Failed calls", errors_probe, order=40)
        step_register("bedrock.storage", _("Storage"), tenant_storage_ensure, order=5)
        step_register("bedrock.guardrail", _("Guardrail"), tenant_guardrail_ensure, order=10)
        step_register("bedrock.profiles", _("Inference profiles"), tenant_profiles_ensure, order=15)
        erase_register("batch jobs", jobs_erase, jobs_left, order=40)
        step_register("bedrock.knowledge", _("Knowledge Base"), tenant_knowledge_ensure, order=20)
        erase_register("knowledge bases", base_erase, base_left, order=50)
        erase_register("inference profiles", profiles_erase, profiles_left, order=55)
        erase_register("own guardrail", guardrail_erase, guardrail_left, order=56)
        erase_register("shared logs", logs_expiring, logs_left, order=57)
