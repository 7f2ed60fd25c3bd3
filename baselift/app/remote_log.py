"""The log of a run elsewhere, line by line in ours, each line once whatever is killed in between."""

from collections.abc import Sequence
from dataclasses import replace

from baselift.app.lease import Lease, Lost
from baselift.app.remote_builds import RemoteBuilds, RemotePlace
from baselift.app.request_run import log_name
from baselift.app.run_log import RunLog, hidden
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.runs import Remote

LONGEST = 1 << 20
"""Bytes of a line; longer ones are cut into several."""


async def mirror(world: World, agents: RemoteBuilds, lease: Lease, place: RemotePlace) -> tuple[Remote, bool]:
    """Bring the next piece over; the state after it, and whether the log is complete with it.

    What our log already has beyond what the row knows of was written by an attempt that was killed: the same bytes
    come again, and are left out.
    """
    remote = lease.run.remote
    if remote is None:
        raise Lost
    secrets = secrets_of(world, remote)
    data, complete = await agents.log(place, remote.id, remote.read)
    whole = data if complete else data[: data.rfind(b"\n") + 1]
    if not whole and len(data) >= LONGEST:
        whole = data
    text = shown(whole, secrets)
    if text:
        async with RunLog(world, log_name(lease.run), lease.check) as run_log:
            _, length, _ = await world.blobs.read_part(log_name(lease.run), 0, 1)
            await run_log.write(text[max(0, length - remote.written) :])
    return replace(remote, read=remote.read + len(whole), written=remote.written + len(text)), complete


def shown(data: bytes, secrets: Sequence[str]) -> bytes:
    """Lines as our log has them: with stars for secrets, and CRLF at the end of each."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    texts = (hidden(line.rstrip(b"\r").decode("utf-8", "replace"), secrets) for line in lines)
    return b"".join(text.encode() + b"\r\n" for text in texts)


def secrets_of(world: World, remote: Remote) -> list[str]:
    """Every line of every secret that was given to the agents."""
    request = world.unseal(remote.request)
    values = [each.value for each in tasks.arguments(request) if each.secret]
    values += [str(each.get("value") or "") for each in request.get("values") or () if each.get("isSecret")]
    values += [login.password for login in tasks.credentials(request).values()]
    return [line for value in values for line in value.splitlines() if line.strip()]
