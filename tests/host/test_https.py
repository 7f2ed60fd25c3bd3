"""https: the private CA, its certificates, and a host that shows them."""

import asyncio
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta

import aiohttp
import pytest
from cryptography import x509

from baselift.host.certificates import provide
from baselift.host.errors import HostError
from baselift.host.https import Https
from baselift.host.options import Options

from .support import CONFORMANCE, client_of
from .test_process import started


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_in(path):
    found = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in found)


async def test_a_client_that_trusts_the_ca_reaches_it_by_every_name(storage, tmp_path):
    options = Options(https_dir=tmp_path / "tls", https_names=("builds.example",))
    async with client_of(storage, options=options) as session:
        assert session.host.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=session.host.ca)
        port = session.host.url.rsplit(":", 1)[1]
        for name in ("localhost", "127.0.0.1"):
            async with session.get(f"https://{name}:{port}/items/1", ssl=trusting) as response:
                assert (await response.json())["url"] == f"https://{name}:{port}/items/1"
        async with session.get(
            f"https://127.0.0.1:{port}/items/1", ssl=trusting, server_hostname="builds.example"
        ) as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("/items/1")
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{port}/items/1")


def test_the_keys_are_readable_by_their_owner_only(tmp_path):
    files = provide(tmp_path / "tls")
    assert [path.stat().st_mode & 0o777 for path in (files.ca_key, files.key, tmp_path / "tls")] == [
        0o600,
        0o600,
        0o700,
    ]


def test_the_certificate_names_this_machine_and_the_names_given(tmp_path):
    files = provide(tmp_path, ("builds.example", "10.1.2.3"))
    assert names_in(files.server) == ["10.1.2.3", "127.0.0.1", "::1", "builds.example", "localhost"]
    assert not certificate(files.server).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_it_is_kept_while_it_is_good_and_issued_anew_for_another_name(tmp_path):
    files = provide(tmp_path)
    ca, first = certificate(files.ca), certificate(files.server)
    provide(tmp_path)
    assert certificate(files.server) == first
    provide(tmp_path, ("other.example",))
    assert certificate(files.server) != first
    assert certificate(files.ca) == ca


def test_it_is_renewed_before_its_end_by_the_same_ca(tmp_path):
    files = provide(tmp_path)
    ca, first = certificate(files.ca), certificate(files.server)
    provide(tmp_path, now=first.not_valid_after_utc - timedelta(days=29))
    renewed = certificate(files.server)
    assert renewed.not_valid_after_utc > first.not_valid_after_utc
    assert certificate(files.ca) == ca
    renewed.verify_directly_issued_by(ca)


def test_no_certificate_outlives_its_ca_and_a_new_ca_comes_before_the_end(tmp_path):
    files = provide(tmp_path)
    ca = certificate(files.ca)
    provide(tmp_path, now=ca.not_valid_after_utc - timedelta(days=40))
    assert certificate(files.server).not_valid_after_utc == ca.not_valid_after_utc
    provide(tmp_path, now=ca.not_valid_after_utc - timedelta(days=20))
    assert certificate(files.ca).subject != ca.subject
    certificate(files.server).verify_directly_issued_by(certificate(files.ca))


@pytest.mark.parametrize("damaged", ["server_key", "server", "key", "ca", "ca_key"])
def test_what_is_missing_damaged_or_of_another_pair_is_made_again(tmp_path, damaged):
    files = provide(tmp_path)
    if damaged == "server_key":
        files.key.write_bytes(provide(tmp_path / "other").key.read_bytes())
    else:
        getattr(files, damaged).write_text("damaged")
    provide(tmp_path)
    certificate(files.server).verify_directly_issued_by(certificate(files.ca))
    files.context()


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(HostError, match="is no host name and no IP address"):
        provide(tmp_path, (name,))


def test_a_directory_that_cannot_be_one_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match=f"certificates in {tmp_path}/file"):
        provide(tmp_path / "file")


async def test_a_running_host_shows_the_renewed_certificate(storage, tmp_path):
    async with client_of(storage, options=Options(https_dir=tmp_path)) as session:
        trusting = ssl.create_default_context(cafile=session.host.ca)

        async def shown():
            port = int(session.host.url.rsplit(":", 1)[1])
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            with suppress(ssl.SSLError, ConnectionError):
                await writer.wait_closed()
            return found

        before = await shown()
        provide(tmp_path, ("new.example",)).load_into(session.host._https.context)
        assert await shown() != before


async def test_the_look_after_the_certificate_renews_it_and_survives_a_fault(tmp_path, caplog):
    https = Https(tmp_path / "tls", (), look_seconds=0.01)
    first = certificate(https.files.server)
    task = asyncio.create_task(https.keep_fresh())
    https.files.server.write_text("damaged")
    for _ in range(500):
        await asyncio.sleep(0.01)
        with suppress(ValueError):
            if certificate(https.files.server) != first:
                break
    else:
        raise AssertionError("not renewed")
    https._names = ("a..b",)
    for _ in range(500):
        await asyncio.sleep(0.01)
        if "could not be looked after" in caplog.text:
            break
    assert not task.done()
    task.cancel()
    assert "could not be looked after" in caplog.text


def test_the_command_says_where_the_ca_is(storage, tmp_path):
    with started(storage, "--https", "--https-dir", str(tmp_path), "--https-name", "x.example") as host:
        assert f"CA certificate: {tmp_path}/ca.pem" in host.lines
        assert host.url.startswith("https://127.0.0.1:")
    assert "x.example" in names_in(tmp_path / "server.pem")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--https"], "--https needs --https-dir DIR"),
        (["--https-dir", "."], "--https-dir and --https-name need --https"),
        (["--https-name", "x"], "--https-dir and --https-name need --https"),
    ],
)
def test_half_a_wish_is_one_line_and_exit_code_1(arguments, says):
    command = [sys.executable, "-m", "baselift.host", "--app", str(CONFORMANCE), "--port", "0", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert says in ended.stderr
