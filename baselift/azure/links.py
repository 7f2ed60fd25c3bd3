"""Links to single blobs that carry their own, short-lived permission (shared access signatures)."""

from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobSasPermissions, UserDelegationKey, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from baselift.azure.connection import Account

SKEW = timedelta(minutes=5)
"""How far before now a link is good, for clocks that are late."""

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=7)


class Links:
    """Signs with the account's key, or with a user delegation key that is asked for once a day."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._delegation: tuple[UserDelegationKey, datetime] | None = None

    async def sign(self, blob: BlobClient, permission: BlobSasPermissions, seconds: int, by: BlobServiceClient) -> str:
        """The blob's address with a signature that is good for `seconds`, at most 7 days."""
        now = datetime.now(UTC)
        expiry = now + min(timedelta(seconds=seconds), _LONGEST - 2 * SKEW)
        delegation = None if self._account.key is not None else await self._delegated(by, now, expiry)
        token = generate_blob_sas(
            self._account.name,
            blob.container_name,
            blob.blob_name,
            account_key=self._account.key,
            user_delegation_key=delegation,
            permission=permission,
            start=now - SKEW,
            expiry=expiry,
        )
        return f"{blob.url}?{token}"

    async def _delegated(self, by: BlobServiceClient, now: datetime, expiry: datetime) -> UserDelegationKey:
        if self._delegation is None or self._delegation[1] < expiry:
            until = max(expiry, min(now + _DAY, now + _LONGEST - 2 * SKEW))
            self._delegation = (await by.get_user_delegation_key(now - SKEW, until), until)
        return self._delegation[0]
