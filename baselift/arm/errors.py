"""Errors as the API prints them: a status, and ``{"error": {"code", "message"[, "target"]}}``."""

from typing import Any


class ApiError(Exception):
    """A request that cannot be answered; the message is for its sender: what is wrong, and what would be right."""

    def __init__(self, status: int, code: str, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer. Clients fail on an error without one."""
        error = {"code": self.code, "message": self.message}
        return {"error": error if self.target is None else {**error, "target": self.target}}


def invalid(message: str, target: str | None = None) -> ApiError:
    """400: the request itself is wrong; `target` is the path of the field, for example ``properties.timeout``."""
    return ApiError(400, "InvalidRequest", message, target)


def unauthorized(message: str) -> ApiError:
    """401: no valid token."""
    return ApiError(401, "Unauthorized", message)


def forbidden(message: str) -> ApiError:
    """403: the caller is known and may not do this."""
    return ApiError(403, "AuthorizationFailed", message)


def not_found(kind: str, name: str, *, within: str = "") -> ApiError:
    """404: there is no `kind` (task, run, registry...) of this name. The client's exit code is 3."""
    place = f" in {within}" if within else ""
    return ApiError(404, "ResourceNotFound", f"The {kind} '{name}' was not found{place}.")


def group_not_found(name: str) -> ApiError:
    """404 for a resource group, with the code that ARM has for it."""
    return ApiError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def conflict(message: str, target: str | None = None) -> ApiError:
    """409: the request is right, the state of the resource is not."""
    return ApiError(409, "Conflict", message, target)


def too_large(message: str) -> ApiError:
    """413: the document is over its limit."""
    return ApiError(413, "RequestEntityTooLarge", message)
