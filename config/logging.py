"""Structured logs: one JSON object a line, stamped by the seam, free of content.

Prompts, document text and keys are never logged; what must be proven later is an audit row.
"""

import logging
import logging.config

import structlog

from tenants.logging import add_stamp

_SHARED = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    add_stamp,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def logging_config() -> None:
    """Send the standard library's and structlog's events through one renderer to stderr."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],  # type: ignore[list-item]
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": structlog.processors.JSONRenderer(),
                    "foreign_pre_chain": _SHARED,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django.request": {"level": "ERROR"},
                "botocore": {"level": "WARNING"},
                "urllib3": {"level": "ERROR"},
                "uvicorn.access": {"level": "WARNING"},
            },
        }
    )
