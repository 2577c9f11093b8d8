"""Logs as lines for people or JSON for machines, with the request id, and without personal data."""

import logging.config
import re
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

# What must never stand in a log: addresses, phone numbers, tokens (RELIABILITY, threats: logs), as they are and as
# an address escapes them. Anybody can make us log a long text: each run of letters is looked at once, from its start.
_PERSONAL = re.compile(
    r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]+\.[\w.-]+|(?:\+|%2[Bb])\d{7,15}\b|Bearer\s+\S+"
    r"|(?<![\w-])eyJ[\w-]++\.[\w-]+\.[\w-]+|(?i:secret)=[^&\s]+"
)
_SECRET_KEYS = re.compile(r"secret|token|password|authorization|api_?key", re.IGNORECASE)


def mask(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: hides personal data and secrets in every value."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "•••"
        elif isinstance(value, str):
            event[key] = _PERSONAL.sub("•••", value)
    return event


def request_id() -> str:
    """The id under which the logs know the request being answered; nothing outside a request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]


def request_id_in_answers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware: every answer tells the id under which the logs know its request."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Request-Id"] = request_id()
        return response

    return answer


def configure(options: dict[str, Any]) -> None:
    """Set up logging; Django calls this with settings.LOGGING (``format``: console or json)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if options["format"] == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        renderer,
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django_structlog": {"level": "WARNING"},
                "django-q": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
