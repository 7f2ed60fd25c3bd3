import pytest
from parts import azinstall
from parts.azinstall import installed, is_at_least
from parts.errors import PartError


def test_versions_are_compared_by_number():
    assert is_at_least("2.100.0", "2.85.0")
    assert is_at_least("2.85.0", "2.85.0")
    assert not is_at_least("2.84.9", "2.85.0")


@pytest.mark.parametrize("version", ["2.84", "newest", "../2.84.0", ""])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(PartError, match="must be one like 2"):
        installed(version)


def test_an_installed_version_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(azinstall, "TOOLS", tmp_path)
    (tmp_path / "az-2.84.0").mkdir()
    (tmp_path / "az-2.84.0" / "az-check.installed").touch()
    assert installed("2.84.0") == tmp_path / "az-2.84.0" / "bin"


@pytest.mark.parametrize(("here", "expected"), [(["2.9.0", "2.84.0"], "2.84.0"), ([], None)])
def test_without_an_index_the_newest_installed_one_counts(tmp_path, monkeypatch, here, expected):
    monkeypatch.setattr(azinstall, "TOOLS", tmp_path)
    monkeypatch.setattr(azinstall, "PACKAGE", "no-such-package-anywhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for version in here:
        (tmp_path / f"az-{version}").mkdir()
        (tmp_path / f"az-{version}" / "az-check.installed").touch()
    if expected:
        assert azinstall.newest() == expected
    else:
        with pytest.raises(PartError, match="pip finds no"):
            azinstall.newest()
