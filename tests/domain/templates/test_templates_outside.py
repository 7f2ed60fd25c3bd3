"""What comes from outside: time, chance and cryptography, only as the caller gives it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from baselift.crypto_functions import crypto_functions
from baselift.domain.templates import TemplateError, render

NOW = datetime(2024, 2, 29, 13, 14, 15, 678900, tzinfo=UTC)
CRYPTO = crypto_functions(NOW)
SEALED_BY_THE_ENGINE = "51s6YJI/g8VSUYeO8fAO+nEshhefiVKd5FiBNtg9Oww="  # pragma: allowlist secret


@pytest.mark.parametrize("template", ["{{now}}", "{{ago 0}}", '{{date "2006" "x"}}', "{{htmlDate nil}}"])
def test_without_a_clock_time_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError, match="no clock"):
        render(template, {})


@pytest.mark.parametrize(
    "call", ["randAlphaNum 3", "randAlpha 3", "randNumeric 3", "randAscii 3", "uuidv4", 'shuffle "ab"']
)
def test_without_randomness_chance_is_an_error(call: str) -> None:
    with pytest.raises(TemplateError, match="no randomness"):
        render(f"{{{{{call}}}}}", {})


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("{{now}}", "2024-02-29 13:14:15.6789 +0000 UTC"),
        ('{{now | date "2006-01-02T15:04:05"}}', "2024-02-29T13:14:15"),
        ('{{now.Format "Jan 2"}} {{now.Unix}} {{(now).Year}}', "Feb 29 1709212455 2024"),
        ('{{now | date_modify "-24h" | htmlDate}}', "2024-02-28"),
        ("{{ago 1709212000}} {{ago 1709200000}} {{ago now}} {{ago 1709212460}}", "7m36s 3h27m36s 0s -4s"),
        ('{{date "2006" "no date"}}', "2024"),
        ('{{dateInZone "15:04 MST" now "Europe/Berlin"}}', "14:14 CET"),
        ("{{htmlDateInZone now `Asia/Tokyo`}}", "2024-02-29"),
    ],
)
def test_time_is_the_callers(template: str, output: str) -> None:
    assert render(template, {}, now=NOW) == output


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    assert render("{{now.Unix}}", {}, now=NOW.astimezone(timezone(timedelta(hours=5)))) == "1709212455"


def test_the_same_seed_gives_the_same_text() -> None:
    template = '{{randAlphaNum 20}} {{randNumeric 5}} {{randAscii 9}} {{uuidv4}} {{shuffle "abcdef"}}'
    assert render(template, {}, random=Random(7)) == render(template, {}, random=Random(7))
    assert render(template, {}, random=Random(7)) != render(template, {}, random=Random(8))


def test_random_text_is_of_the_characters_asked_for() -> None:
    text = render("{{randAlphaNum 50}}|{{randAlpha 50}}|{{randNumeric 50}}|{{uuidv4}}", {}, random=Random(1))
    assert re.fullmatch(
        r"[A-Za-z0-9]{50}\|[A-Za-z]{50}\|[0-9]{50}"
        r"\|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        text,
    )


def test_cryptography_that_is_not_given_is_an_error_only_when_it_is_called() -> None:
    assert render('{{if false}}{{genCA "x" 1}}{{end}}ok', {}) == "ok"
    with pytest.raises(TemplateError, match="genCA is not available here"):
        render('{{genCA "x" 1}}', {})


def test_a_certificate_is_signed_by_the_authority_it_names() -> None:
    template = (
        '{{$ca := genCA "My CA" 365}}{{$c := genSignedCert "web" (list "10.0.0.1") (list "web.example") 30 $ca}}'
        "{{$ca.Cert}}|{{$c.Cert}}|{{$c.Key}}|{{typeOf $c}}"
    )
    authority, certificate, key, kind = render(template, {}, functions=CRYPTO).split("|")
    parsed, signer = (x509.load_pem_x509_certificate(pem.encode()) for pem in (certificate, authority))
    parsed.verify_directly_issued_by(signer)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert parsed.not_valid_after_utc - parsed.not_valid_before_utc == timedelta(days=30)
    assert signer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert key.startswith("-----BEGIN RSA PRIVATE")
    assert kind == "sprig.certificate"


def test_a_self_signed_certificate_verifies_itself() -> None:
    pem = render('{{(genSelfSignedCert "me" nil nil 1).Cert}}', {}, functions=CRYPTO)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    algorithm = certificate.signature_hash_algorithm
    assert algorithm
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)


def test_a_certificate_of_ones_own_is_read_back() -> None:
    made = '{{$a := genCA "x" 1}}{{$b := buildCustomCert (b64enc $a.Cert) (b64enc $a.Key)}}'
    template = made + "{{eq $a.Cert $b.Cert}}{{eq $a.Key $b.Key}}"
    assert render(template, {}, functions=CRYPTO) == "truetrue"


def test_private_keys_are_of_the_kind_asked_for() -> None:
    assert render('{{genPrivateKey "ecdsa"}}', {}, functions=CRYPTO).startswith("-----BEGIN EC PRIVATE")
    assert render('{{genPrivateKey "x"}}', {}, functions=CRYPTO) == "Unknown type x"


def test_aes_goes_both_ways_and_reads_what_the_engine_sealed() -> None:
    assert render('{{encryptAES "key" "hé" | decryptAES "key"}}', {}, functions=CRYPTO) == "hé"
    assert render('{{encryptAES "key" ""}}{{decryptAES "key" ""}}', {}, functions=CRYPTO) == ""
    sealed = f'{{{{decryptAES "secret" "{SEALED_BY_THE_ENGINE}"}}}}'
    assert render(sealed, {}, functions=CRYPTO) == "hello world"


@pytest.mark.parametrize(
    "call",
    [
        'decryptAES "key" "AAAA"',
        'decryptAES "key" "!"',
        'buildCustomCert "a" "b"',
        'buildCustomCert "YQ==" "YQ=="',
        'genSelfSignedCert "x" (list "no address") nil 1',
        'genSelfSignedCert "x" nil (list 1) 1',
        'genSelfSignedCert "x" nil (list "ü") 1',
        'genSelfSignedCert "x" nil nil 9999999',
        'genCA "x" "1"',
        'genSignedCert "x" nil nil 1 "ca"',
    ],
)
def test_cryptography_that_cannot_be_done_is_a_template_error(call: str) -> None:
    with pytest.raises(TemplateError):
        render(f"{{{{{call}}}}}", {}, functions=CRYPTO)


def test_making_keys_is_bounded() -> None:
    with pytest.raises(TemplateError, match="steps"):
        render('{{range 1000}}{{$_ := genCA "x" 1}}{{end}}', {}, functions=CRYPTO)
