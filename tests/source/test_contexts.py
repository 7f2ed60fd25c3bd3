import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.domain.builds import Credential
from baselift.domain.contexts import Context, Form, InvalidContext, is_remote, parse, same_host, valid_ref

G, A = Form.GIT, Form.ARCHIVE
REPO = "https://host/o/r.git"


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (REPO, Context(G, REPO)),
        (f"{REPO}#main", Context(G, REPO, "main")),
        (f"{REPO}#main:a/b", Context(G, REPO, "main", "a/b")),
        (f"{REPO}#:a", Context(G, REPO, None, "a")),
        (f"{REPO}#main:", Context(G, REPO, "main")),
        (f"{REPO}#a/b:c:d", Context(G, REPO, "a/b", "c:d")),
        (f"{REPO}#pull/7/head", Context(G, REPO, "pull/7/head")),
        ("http://localhost:80/r.git", Context(G, "http://localhost:80/r.git")),
        (f"{REPO}#", Context(A, REPO)),
        (f"{REPO}/", Context(A, f"{REPO}/")),
        (f"{REPO}?x=1#b", Context(A, f"{REPO}?x=1")),
        ("https://host/r", Context(A, "https://host/r")),
        ("https://host/a.tar.gz?sig=1", Context(A, "https://host/a.tar.gz?sig=1")),
        ("github.com/o/r#v1:d", Context(G, "https://github.com/o/r", "v1", "d")),
        ("https://dev.azure.com/o/p/_git/r#main", Context(G, "https://dev.azure.com/o/p/_git/r", "main")),
        ("https://o.visualstudio.com/p/_git/r", Context(G, "https://o.visualstudio.com/p/_git/r")),
        ("https://dev.azure.com/o/p/_git/r?path=x", Context(A, "https://dev.azure.com/o/p/_git/r?path=x")),
        ("http://dev.azure.com/o/p/_git/r", Context(A, "http://dev.azure.com/o/p/_git/r")),
        ("https://host/o/_git/r", Context(A, "https://host/o/_git/r")),
        ("tasks-source/2026/ab.tar.gz", Context(Form.UPLOAD, "tasks-source/2026/ab.tar.gz")),
        ("oci://r.example.com/a:b", Context(Form.ARTIFACT, "r.example.com/a:b")),
        ("OCI://r.example.com:5000/a/c", Context(Form.ARTIFACT, "r.example.com:5000/a/c:latest")),
        ("/dev/null", Context(Form.NONE)),
        ("", Context(Form.NONE)),
        (None, Context(Form.NONE)),
    ],
)
def test_each_form_of_the_grammar_is_told(text: str | None, context: Context) -> None:
    assert parse(text) == context


@pytest.mark.parametrize(
    ("text", "credential"),
    [
        ("https://pat@host/r.git", Credential("x-access-token", "pat")),
        ("https://me:p%40t@host/r.git", Credential("me", "p@t")),  # pragma: allowlist secret
        ("https://:pat@host/a.tar", Credential("x-access-token", "pat")),
        ("https://o@dev.azure.com/o/p/_git/r", None),
        ("https://pat@dev.azure.com/o/p/_git/r", Credential("x-access-token", "pat")),
        ("https://o:pat@dev.azure.com/o/p/_git/r", Credential("o", "pat")),  # pragma: allowlist secret
    ],
)
def test_a_credential_is_taken_out_of_the_url_and_never_printed(text: str, credential: Credential | None) -> None:
    context = parse(text)
    assert context.credential == credential
    assert "@" not in context.location
    assert "pat" not in repr(context)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oci://", "repository"),
        ("oci://r.example.com/A:b", "repository 'A' must be lower-case"),
        ("oci://me:pa55@r.example.com/a:b", "digest"),  # pragma: allowlist secret
        ("ssh://git@host/r.git", "use the https:// address of the repository and a token"),
        ("git@github.com:o/r.git", "use the https:// address of the repository and a token"),
        ("git://host/r.git", "not encrypted"),
        ("file:///etc", "upload the directory"),
        ("ext::sh", "'ext' addresses are not fetched"),
        ("HTTPS://host/r.git", "lower case"),
        (".", "upload the directory first"),
        ("/src/app", "upload the directory first"),
        ("tasks-source/../x", "upload the directory first"),
        ("https://host/a b.git", "blanks and control characters"),
        ("https://host/r.git\n", "blanks and control characters"),
        ("https://-c core.x/r.git", "blanks"),
        ("https:///r.git", "'' is not a host name"),
        ("https://host:99999/r.git", "port is malformed"),
        ("https://host:x/r.git", "port is malformed"),
        ("https://[::1/r.git", "malformed"),
        (f"{REPO}#--upload-pack=x", "'--upload-pack=x' is not a branch"),
        (f"{REPO}#a..b:d", "'a..b' is not a branch"),
    ],
)
def test_what_cannot_be_fetched_is_refused_with_the_value_and_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(InvalidContext, match=said.replace("(", r"\(")) as caught:
        parse(text)
    assert "https://host/path.git[#ref[:directory]]" in str(caught.value)


@pytest.mark.parametrize("text", ["https://pa55@ho st/r.git", "ssh://pa55@host/x?k=pa55", "https://pa55@h/r.git#-x"])
def test_a_refusal_does_not_show_a_secret(text: str) -> None:
    with pytest.raises(InvalidContext) as caught:
        parse(text)
    assert "pa55" not in str(caught.value)


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda tail: f"https://{tail}"))
def test_any_text_is_a_context_or_invalid(text: str) -> None:
    try:
        context = parse(text)
    except InvalidContext as error:
        assert "context " in str(error)  # noqa: PT017 - either end is right
    else:
        assert context.form in Form


@given(st.text(alphabet="ab/.-@{~^: *\\\x7f", max_size=8))
def test_an_accepted_reference_is_never_an_option_a_range_or_a_pattern(ref: str) -> None:
    bad = (not ref, ref.startswith("-"), ".." in ref, set(ref) & set("~^: *\\\x7f"), "@{" in ref)
    assert not (valid_ref(ref) and any(bad))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (REPO, "https://HOST:443/else/x.git#b", True),
        (REPO, "https://host/a.tar.gz", True),
        (REPO, "https://other/r.git", False),
        (REPO, "http://host/r.git", False),
        (REPO, "https://host:8443/r.git", False),
        (REPO, "tasks-source/x", False),
        (REPO, None, False),
        (REPO, "nonsense", False),
        ("oci://host/a:1", "oci://host/a:1", False),
        ("https://host.evil.example/r.git", REPO, False),
        ("https://host@evil.example/r.git", REPO, False),
    ],
)
def test_a_token_is_good_for_the_same_scheme_host_and_port_only(one: str, other: str | None, same: bool) -> None:
    assert same_host(one, other) is same


@pytest.mark.parametrize(
    ("text", "remote"),
    [(REPO, True), ("github.com/o/r", True), ("oci://r/a:1", True), ("ssh://h/x", True), ("src", False), (".", False)],
)
def test_an_address_is_told_from_a_directory(text: str, remote: bool) -> None:
    assert is_remote(text) is remote
