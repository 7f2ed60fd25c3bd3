from parts.client import Client

from baselift.access import clients
from baselift.access.caller import Role
from baselift.access.hashes import verify_secret


def test_the_setting_lets_the_client_in_with_the_secret_of_its_file(tmp_path):
    made = Client.of(tmp_path)
    (parsed,) = clients.parse(made.setting)
    assert (parsed.id, parsed.role) == ("local", Role.CONTRIBUTOR)
    secret = made.secret_file.read_text()
    assert verify_secret(secret, parsed.hash)
    assert secret not in made.setting


def test_both_files_are_readable_by_their_owner_only_and_stay(tmp_path):
    first = Client.of(tmp_path)
    assert Client.of(tmp_path) == first
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("client.secret", "client.hash")] == [0o600, 0o600]


def test_a_new_secret_or_a_damaged_hash_makes_a_new_hash(tmp_path):
    first = Client.of(tmp_path)
    first.secret_file.unlink()
    second = Client.of(tmp_path)
    assert second.setting != first.setting
    (tmp_path / "client.hash").write_text("damaged")
    third = Client.of(tmp_path)
    assert verify_secret(third.secret_file.read_text(), clients.parse(third.setting)[0].hash)
