"""Events on their way to other systems: where they may go, how long they may take, and what comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from baselift.app.ports import Busy, Letter
from baselift.domain.builds import Failure
from baselift.source.post import Poster


async def token(audience: str) -> str:
    return f"token for {audience}"


async def no_token(_: str) -> str:
    raise Busy("no token for topics (ClientAuthenticationError)")


class Receiver:
    """Answers by path, and remembers what came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((request.path, headers, await request.read()))
        if request.path == "/elsewhere":
            raise web.HTTPTemporaryRedirect("/accepts")
        if request.path == "/slow":
            await asyncio.sleep(30)
        return web.Response(status=503 if request.path == "/busy" else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


def letter(url: str, *, topic: bool = False) -> Letter:
    return Letter(url, {"content-type": "application/cloudevents+json", "webhook-id": "a"}, b'{"a":1}', topic)


async def test_a_letter_arrives_as_it_is_and_its_status_comes_back(receiver):
    post = Poster({"127.0.0.1"}, token)
    assert await post(letter(f"http://127.0.0.1:{receiver.port}/accepts?code=1")) == 204
    assert await post(letter(f"http://127.0.0.1:{receiver.port}/busy")) == 503
    path, headers, body = receiver.came[0]
    assert (path, body) == ("/accepts", b'{"a":1}')
    assert headers["content-type"] == "application/cloudevents+json"
    assert (headers["webhook-id"], headers["user-agent"]) == ("a", "Baselift")
    assert "authorization" not in headers


async def test_no_redirect_is_followed(receiver):
    assert await Poster({"127.0.0.1"}, token)(letter(f"http://127.0.0.1:{receiver.port}/elsewhere")) == 307
    assert [path for path, _, _ in receiver.came] == ["/elsewhere"]


@pytest.mark.parametrize(
    ("url", "listed", "message"),
    [
        ("https://127.0.0.1/x", (), "will not send to '127.0.0.1': its address 127.0.0.1 is not public"),
        ("https://169.254.169.254/metadata", (), "will not send to '169.254.169.254'"),
        ("https://10.1.2.3/x", (), "list it in BASELIFT_PLAIN_HTTP_HOSTS"),
        ("https://[fd00::1]/x", (), "is not public"),
        ("https://localhost/x", (), "is not public"),
        ("http://127.0.0.1/x", (), "cannot send to 'http://127.0.0.1:80': use https"),
        ("https://0x7f.1/x", (), "neither a host name nor an IPv4 address"),
        ("https://nobody.invalid/x", (), "is not known"),
        ("http://127.0.0.1:9/secret?code=key", ("127.0.0.1",), "no answer: no connection"),
    ],
)
async def test_where_nothing_may_be_sent_or_nobody_answers_it_fails_and_says_why(url, listed, message):
    with pytest.raises(Failure) as failed:
        await Poster(listed, token)(letter(url))
    assert message in str(failed.value)
    assert "code=key" not in str(failed.value)


async def test_an_attempt_takes_bounded_time(receiver):
    with pytest.raises(Failure, match="did not answer in time"):
        await Poster({"127.0.0.1"}, token, seconds=0.2)(letter(f"http://127.0.0.1:{receiver.port}/slow"))


async def test_the_identitys_token_goes_to_topics_of_azure_alone(receiver):
    with pytest.raises(Failure, match=r"no other host than \*\.eventgrid\.azure\.net"):
        await Poster({"127.0.0.1"}, token)(letter(f"http://127.0.0.1:{receiver.port}/accepts", topic=True))
    assert receiver.came == []


async def test_a_topic_is_shown_the_token_of_its_cloud():
    audiences = {
        "https://t.westeurope-1.eventgrid.azure.net/api/events": "https://eventgrid.azure.net",
        "https://t.usgovvirginia-1.eventgrid.azure.us/api/events": "https://eventgrid.azure.us",
    }
    for url, audience in audiences.items():
        headers = await Poster((), token)._authorization(letter(url, topic=True))
        assert headers == {"authorization": f"Bearer token for {audience}"}


async def test_where_no_token_can_be_had_it_fails_and_says_so(monkeypatch):
    url = "https://1.1.1.1/"
    monkeypatch.setattr("baselift.domain.eventgrid.audience", lambda _: "https://eventgrid.azure.net")
    with pytest.raises(Failure, match="no answer: no token for topics"):
        await Poster((), no_token)(letter(url, topic=True))
