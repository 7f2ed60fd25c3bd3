from hypothesis import given
from hypothesis import strategies as st

from baselift.engines.redaction import Redactor

SECRETS = st.lists(st.text("ab\n", min_size=1, max_size=6), min_size=1, max_size=3)
CHUNKS = st.lists(st.text("abc\n", max_size=8), max_size=8)


@given(SECRETS, CHUNKS)
def test_no_secret_gets_through_however_the_text_is_cut(secrets: list[str], chunks: list[str]) -> None:
    redactor = Redactor(secrets)
    cut = b"".join(redactor.feed(chunk.encode()) for chunk in chunks) + redactor.flush()
    assert cut == Redactor(secrets).text("".join(chunks).encode())
    assert not any(secret.encode() in cut for secret in secrets)


def test_text_without_secrets_is_passed_at_once() -> None:
    assert Redactor(["token"]).feed(b"tomorrow\n") == b"tomorrow\n"


def test_a_secret_of_several_lines_is_taken_out_line_by_line() -> None:
    redactor = Redactor(["-----BEGIN KEY-----\nMIIBOgIBAAJB\n"])
    assert redactor.feed(b"+ MIIBOgIBAAJB\n") + redactor.flush() == b"+ ***\n"
