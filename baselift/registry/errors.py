"""What goes wrong between Baselift and a registry, in one sentence for a user."""

from baselift.domain.builds import Failure

_TOO_MANY = 429
_SERVER = 500


class RegistryError(Failure):
    """A registry refused, or its answer cannot be used.

    Attributes:
        registry: host, with its port.
        operation: what was asked, for example ``the push of app``.
        status: HTTP status, where there was one.
        code: the registry's own error code (OCI distribution spec, "Error Codes"), where it gave one.
        retry_after: seconds the registry asked to wait, where it did.
    """

    def __init__(
        self,
        registry: str,
        operation: str,
        problem: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"registry {registry} {problem}")
        self.registry = registry
        self.operation = operation
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def name(self) -> str:
        """What went wrong, in one word that few errors share: the HTTP status, `unreachable` or `unusable`."""
        return "unusable" if self.status is None else str(self.status)

    @property
    def transient(self) -> bool:
        """True when the same request may succeed later: the registry was away, busy or broken."""
        return self.status is not None and (self.status == _TOO_MANY or self.status >= _SERVER)


class RegistryUnreachable(RegistryError):
    """No whole answer came: name, connection, TLS, a timeout, or a body that broke off. Ask again later."""

    @property
    def name(self) -> str:
        return "unreachable"

    @property
    def transient(self) -> bool:
        return True


def unreachable(registry: str, operation: str, reason: str) -> RegistryUnreachable:
    """The error for a connection that failed, with `reason` free of secrets."""
    return RegistryUnreachable(registry, operation, f"cannot be reached for {operation}: {reason}")


def unusable(registry: str, operation: str, reason: str) -> RegistryError:
    """The error for an answer that breaks the protocol: wrong digest, too large, not JSON."""
    return RegistryError(registry, operation, f"gave a wrong answer to {operation}: {reason}")
