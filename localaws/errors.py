"""The errors that the local AWS answers with, shaped as AWS shapes them."""

from __future__ import annotations

from typing import Any

STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "ExpiredTokenException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "RequestEntityTooLargeException": 413,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "TooManyTagsException": 400,
    "UnknownOperationException": 404,
    "ValidationException": 400,
}


class AwsError(Exception):
    """One refusal: an AWS error code, its HTTP status, a message and modelled extra members."""

    def __init__(self, code: str, message: str, *, status: int | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status if status is not None else STATUS.get(code, 400)
        self.extra = extra
        self.scripted = False

    @property
    def member(self) -> str:
        """The lowerCamel name that an event stream carries in `:exception-type`."""
        return self.code[:1].lower() + self.code[1:]


def invalid(message: str) -> AwsError:
    """A request that the service refuses as malformed."""
    return AwsError("ValidationException", message)


def missing(message: str) -> AwsError:
    """A resource that does not exist for this account and Region."""
    return AwsError("ResourceNotFoundException", message)
