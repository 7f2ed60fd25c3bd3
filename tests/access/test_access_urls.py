"""Addresses that are handed out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.access.urls import base_url, public_url

URL = "http://10.0.0.4:8080/api/subscriptions?api-version=1&%24top=3"


def test_a_proxy_is_believed_only_when_the_setting_says_so():
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "builds.example.org:8443"}
    assert public_url(URL, headers, trust=False) == URL
    expected = "https://builds.example.org:8443/api/subscriptions?api-version=1&%24top=3"
    assert public_url(URL, headers, trust=True) == expected


def test_the_first_of_several_proxies_counts():
    headers = {"x-forwarded-proto": "https, http", "x-forwarded-host": "outer.example, inner.example"}
    assert public_url(URL, headers, trust=True).startswith("https://outer.example/api/")


def test_each_of_the_two_headers_counts_alone():
    assert public_url(URL, {"x-forwarded-proto": "HTTPS"}, trust=True).startswith("https://10.0.0.4:8080/")
    assert public_url(URL, {"x-forwarded-host": "[2001:db8::1]:443"}, trust=True).startswith(
        "http://[2001:db8::1]:443/"
    )


@pytest.mark.parametrize("host", ["", "a b", "user@host", "host/path", "host?x", "[::1", "host:port", "a\r\nb"])
def test_a_forwarded_host_that_is_none_is_passed_over(host):
    assert public_url(URL, {"x-forwarded-host": host, "x-forwarded-proto": "javascript"}, trust=True) == URL


@given(st.text(), st.text(), st.text(), st.booleans())
def test_every_request_has_an_address(url, scheme, host, trust):
    headers = {"x-forwarded-proto": scheme, "x-forwarded-host": host}
    assert isinstance(base_url(public_url(url, headers, trust), "metadata/endpoints"), str)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://h/metadata/endpoints", "https://h"),
        ("https://h/api/metadata/endpoints/?api-version=2022-09-01", "https://h/api"),
        ("https://h:1/a/b/Metadata/%65ndpoints?x=/y/z", "https://h:1/a/b"),
    ],
)
def test_the_base_is_what_precedes_the_route(url, base):
    assert base_url(url, "metadata/endpoints") == base
