"""Registries that are busy, broken or wrong."""

import asyncio
import json
import time

import aiohttp
import pytest
from aiohttp import web
from registry_parts import OCI_MANIFEST, QUICK, USER, Distribution, image, layer, noise, serving, sha

from baselift.registry.client import Registries
from baselift.registry.errors import RegistryError, RegistryUnreachable

DIGEST = "sha256:" + "a" * 64


def ref(host, name="app:1"):
    return Distribution(host, None).ref(name)


def manifest(config: bytes, *layers: bytes) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(config), "size": len(config)},
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha(each), "size": len(each)}
            for each in layers
        ],
    }
    return json.dumps(document).encode()


def served(contents: dict[str, bytes]):
    """A read-only registry: digest or tag -> bytes."""

    async def answer(request):
        body = contents.get(request.path.rpartition("/")[2])
        return web.Response(status=404) if body is None else web.Response(body=body, content_type=OCI_MANIFEST)

    return answer


async def test_a_busy_registry_is_asked_again_after_the_pause_it_wants(registries):
    times = []

    async def answer(_):
        times.append(time.monotonic())
        if len(times) < 3:
            return web.Response(status=429, headers={"Retry-After": "0" if len(times) == 1 else "1"})
        return web.Response(headers={"Docker-Content-Digest": DIGEST})

    async with serving(answer) as host:
        assert await registries.digest(ref(host)) == DIGEST
    assert times[2] - times[1] >= 1


async def test_a_pause_beyond_reason_is_left_to_the_caller(registries):
    calls = []

    async def answer(_):
        calls.append(1)
        return web.Response(status=429, headers={"Retry-After": "3600"})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="429 Too Many Requests") as caught:
            await registries.digest(ref(host))
    assert (len(calls), caught.value.retry_after, caught.value.transient) == (1, 3600, True)


async def test_a_registry_that_stays_broken_is_given_up_after_a_few_attempts(registries):
    calls = []

    async def answer(_):
        calls.append(1)
        return web.Response(status=503)

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="refused the pull of app:1: 503 Service Unavailable"):
            await registries.digest(ref(host))
    assert len(calls) == 3


async def test_a_refusal_is_not_repeated(registries):
    calls = []

    async def answer(_):
        calls.append(1)
        return web.json_response({"errors": [{"code": "DENIED", "message": "no"}]}, status=403)

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="without a login: DENIED: no"):
            await registries.resolve(ref(host), "linux/amd64")
    assert len(calls) == 1


async def test_a_registry_that_hangs_is_unreachable():
    async def answer(_):
        await asyncio.sleep(5)
        return web.Response()

    async with serving(answer) as host:
        client = Registries(plain_http_hosts=[host], retry=QUICK, timeout=0.2)
        with pytest.raises(RegistryUnreachable, match="no answer in time"):
            await client.digest(ref(host))
        await client.close()


async def test_the_digest_is_computed_where_head_does_not_tell_it(registries):
    body = manifest(b"{}")

    async def answer(request):
        known = request.headers["Accept"].count("application/") == 4
        if request.method == "HEAD":
            return web.Response(status=405 if "/no-head/" in request.path else 200)
        return web.Response(body=body if known else b"{}", content_type=OCI_MANIFEST)

    async with serving(answer) as host:
        assert await registries.digest(ref(host)) == sha(body)
        assert await registries.digest(ref(host, "no-head:1")) == sha(body)


async def test_a_digest_header_that_is_no_digest_is_refused(registries):
    async def answer(_):
        return web.Response(headers={"Docker-Content-Digest": "../../etc"})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="Docker-Content-Digest is not a digest"):
            await registries.digest(ref(host))


async def test_a_manifest_with_another_digest_is_refused(registries):
    async with serving(served({DIGEST: manifest(b"{}")})) as host:
        with pytest.raises(RegistryError, match=f"the manifest does not have the digest {DIGEST}"):
            await registries.resolve(ref(host, "app").at(DIGEST), "linux/amd64")


async def test_a_config_with_another_digest_is_refused(registries):
    config = b'{"os": "linux"}'
    async with serving(served({"1": manifest(config), sha(config): b'{"os": "other"}'})) as host:
        with pytest.raises(RegistryError, match=f"content of blob {sha(config)} does not have that digest"):
            await registries.resolve(ref(host), "linux/amd64")


async def test_bodies_that_are_too_large_are_refused(registries):
    large = manifest(b"{}").replace(b"2,", b"2," + b" " * (9 * 1024 * 1024))
    config = b"{}" + b" " * (9 * 1024 * 1024)
    async with serving(served({"1": large, "2": manifest(config), sha(config): config})) as host:
        with pytest.raises(RegistryError, match="larger than 4194304 bytes"):
            await registries.resolve(ref(host), "linux/amd64")
        with pytest.raises(RegistryError, match="larger than 8388608 bytes"):
            await registries.resolve(ref(host, "app:2"), "linux/amd64")


async def test_a_redirected_blob_is_followed_without_the_login(registries):
    config, seen = b'{"rootfs": {"diff_ids": []}}', []

    async def store(request):
        seen.append((request.headers.get("Authorization"), request.raw_path))
        return web.Response(body=config)

    async with serving(store) as far:

        async def answer(request):
            if "Authorization" not in request.headers:
                return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
            if "/blobs/" in request.path:
                return web.Response(status=307, headers={"Location": f"http://{far}/a%2Fb?sig=x%2By%3D"})
            return web.Response(body=manifest(config), content_type=OCI_MANIFEST)

        async with serving(answer) as host:
            found = await registries.resolve(ref(host), "linux/amd64", USER)
    assert found.config == json.loads(config)
    assert seen == [(None, "/a%2Fb?sig=x%2By%3D")]


@pytest.mark.parametrize("location", ["http://elsewhere.example/blob", "", "ftp://127.0.0.1/x", "http://[bad/"])
async def test_a_redirect_to_where_nothing_may_be_sent_is_refused(registries, location):
    async def answer(_):
        return web.Response(status=302, headers={"Location": location})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="names no https address to go on at"):
            await registries.resolve(ref(host), "linux/amd64")


async def test_a_redirect_loop_ends(registries):
    calls = []

    async def answer(request):
        calls.append(1)
        return web.Response(status=302, headers={"Location": request.path})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="more than 5 redirects"):
            await registries.resolve(ref(host), "linux/amd64")
    assert len(calls) == 6


class Flaky:
    """Passes all on to a real registry, but mounts nothing, and cuts off the first `cuts` blob uploads half way."""

    def __init__(self, target: str, cuts: int, tamper: dict[str, str] | None = None) -> None:
        self.target, self.cuts, self.tamper = target, cuts, tamper or {}
        self.puts = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "PUT" and "/blobs/uploads/" in request.path:
            self.puts += 1
            if self.puts <= self.cuts:
                await request.content.read(1000)
                request.transport.abort()
                return web.Response()
        headers = {name: request.headers[name] for name in ("Content-Type", "Accept") if name in request.headers}
        url = f"http://{self.target}{request.raw_path.partition('?mount=')[0]}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=headers, data=await request.read()) as answer,
        ):
            kept = {k: v for k, v in answer.headers.items() if k in {"Location", "Docker-Content-Digest"}}
            if request.method == "PUT":
                kept |= self.tamper
            if "Location" in kept:
                kept["Location"] = kept["Location"].removeprefix(f"http://{self.target}")
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


async def test_an_upload_that_is_cut_off_starts_again(registries, registry, tmp_path):
    flaky = Flaky(registry.host, cuts=2)
    built = image(layer(tmp_path, "f", noise(400_000)))
    async with serving(flaky) as host:
        digest = await registries.publish(built, ref(host, "cut"), None)
    assert flaky.puts == 4
    assert await registries.digest(registry.ref("cut").at(digest)) == digest


async def test_a_mount_that_turns_into_an_upload_is_copied_there(registries, registry, tmp_path):
    bottom = layer(tmp_path, "bottom", noise(900))
    async with serving(Flaky(registry.host, cuts=0)) as host:
        base = await registries.publish(image(bottom), ref(host, "unmounted-base"), None)
        built = image(bottom, layer(tmp_path, "top", noise(900)))
        await registries.publish(built, ref(host, "unmounted"), ref(host, "unmounted-base").at(base))
    assert len(await registry.requests('"POST /v2/unmounted/blobs/uploads/')) == 3
    assert len(await registry.requests('"PUT /v2/unmounted/blobs/', '" 201 ')) == 3


async def test_an_upload_that_is_always_cut_off_fails_and_publishes_nothing(registries, registry, tmp_path):
    built = image(layer(tmp_path, "f", noise(400_000)))
    async with serving(Flaky(registry.host, cuts=99)) as host:
        with pytest.raises(RegistryUnreachable, match="cannot be reached for the push of always-cut"):
            await registries.publish(built, ref(host, "always-cut"), None)
    assert not await registry.requests('"PUT /v2/always-cut/manifests/')
    assert [each.name for each in tmp_path.iterdir()] == ["f.tar"]


async def test_a_blob_or_manifest_stored_under_another_digest_is_noticed(registries, registry, tmp_path):
    built = image(layer(tmp_path, "f", noise(900)))
    async with serving(Flaky(registry.host, 0, {"Docker-Content-Digest": DIGEST})) as host:
        with pytest.raises(RegistryError, match=f"it stored blob sha256:[0-9a-f]+ as {DIGEST}"):
            await registries.publish(built, ref(host, "tampered"), None)
        await registries.publish(built, registry.ref("tampered"), None)
        with pytest.raises(RegistryError, match=f"it stored the manifest as {DIGEST}"):
            await registries.publish(built, ref(host, "tampered"), None)


@pytest.mark.parametrize("sent", [b"y" * 300_000, b"x" * 300_001])
async def test_a_base_layer_with_other_content_is_not_copied(registries, registry, tmp_path, sent):
    bottom = layer(tmp_path, "bottom", b"x")
    built, blob = image(bottom), b"x" * 300_000
    base = manifest(built.config, blob)
    async with serving(served({sha(base): base, sha(built.config): built.config, sha(blob): sent})) as host:
        with pytest.raises(RegistryError, match=f"registry {host} gave a wrong answer .* blob {sha(blob)} does not"):
            await registries.publish(built, registry.ref("poisoned"), ref(host, "base").at(sha(base)))
    assert not await registry.requests('"PUT /v2/poisoned/manifests/')


async def test_a_base_layer_that_breaks_off_is_fetched_again(registries, registry, tmp_path):
    bottom, calls = layer(tmp_path, "bottom", b"x"), []
    built, blob = image(bottom), noise(300_000)
    base = manifest(built.config, blob)
    whole = served({sha(base): base, sha(built.config): built.config, sha(blob): blob})

    async def answer(request):
        if request.path.endswith(sha(blob)):
            calls.append(1)
            if len(calls) == 1:
                return web.Response(body=blob[:100_000])
        return await whole(request)

    async with serving(answer) as host:
        await registries.publish(built, registry.ref("resumed"), ref(host, "base").at(sha(base)))
    assert len(calls) == 2


async def test_a_refused_push_of_a_registry_without_a_message_says_the_status(registries, tmp_path):
    async def answer(request):
        return web.Response(status=404 if request.method == "HEAD" else 405)

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match=f"registry {host} refused the push of app: 405 Method Not Allowed"):
            await registries.publish(image(layer(tmp_path, "f", b"x")), ref(host, "app"), None)
