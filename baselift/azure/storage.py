"""The storage account Baselift lives in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from baselift.azure.blobs import AzureBlobs
from baselift.azure.connection import Account, account
from baselift.azure.queues import AzureQueues
from baselift.azure.tables import AzureTables

if TYPE_CHECKING:
    from baselift.app.ports import Blobs, Queues, Tables


class Storage:
    """Tables, queues and blobs of one account, over one pool of connections. Belongs to the loop that first uses it."""

    def __init__(self, where: Account) -> None:
        self._account = where
        self.tables: Tables = AzureTables(where)
        self.queues: Queues = AzureQueues(where)
        self.blobs: Blobs = AzureBlobs(where)

    @classmethod
    def connect(cls, settings: Mapping[str, str], connection: str = "AzureWebJobsStorage") -> "Storage":
        """The account that the setting `connection` means; no request is made. Raises ValueError naming the setting."""
        return cls(account(settings, connection))

    async def close(self) -> None:
        """Close every connection."""
        await self._account.close()
