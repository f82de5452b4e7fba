"""Bedrock Guardrails by rules and small lexicons; docs/localaws.md lists what each detects."""
