"""`baselift registry`."""


def test_a_registry_is_added_listed_shown_and_removed_and_its_password_is_never_printed(live, baselift):
    words = ("add", "second", "--login-server", live.host, "--alias", "one.example", "--username", "me")
    done = baselift("registry", *words, "--password-stdin", "-g", "elsewhere", typed="s3cret-word\n")
    assert (done.code, done.err) == (0, "")
    assert "s3cret-word" not in done.out
    assert done.json["adminUserEnabled"] is True
    row = ["second", "elsewhere", live.host, "oci", "one.example, second.azurecr.io"]
    assert baselift("registry", "show", "SECOND", "-o", "tsv").rows == [row]
    assert row in baselift("registry", "list", "-o", "tsv").rows
    assert baselift("registry", "remove", "second", "--yes").code == 0
    assert baselift("registry", "show", "second").code == 3


def test_what_is_not_given_when_a_registry_is_added_again_stays(live, baselift):
    words = ("registry", "add", "again", "--login-server", live.host)
    assert baselift(*words, "-g", "elsewhere", "-l", "westeurope", "--alias", "one.example", "--kind", "acr").code == 0
    done = baselift(*words, "--alias", "two.example")
    assert (done.code, done.err) == (0, "")
    assert (done.json["location"], done.json["kind"]) == ("westeurope", "acr")
    assert done.json["aliases"] == ["two.example", "again.azurecr.io"]
    assert "/resourceGroups/elsewhere/" in done.json["id"]
    assert baselift(*words, "-g", "other").err.startswith("ERROR: (Conflict) Registry 'again' is in resource group")
    assert baselift("registry", "remove", "again", "--yes").code == 0


def test_a_user_without_a_password_is_refused_before_anything_is_sent(baselift):
    done = baselift("registry", "add", "third", "--login-server", "h:1", "--username", "me")
    assert (done.code, done.err) == (1, "ERROR: --username and --password-stdin go together\n")
