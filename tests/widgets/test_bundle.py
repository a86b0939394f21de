"""The bundle comes from the package and from nowhere else."""

import pytest

from rgwidgets.core.errors import BundleError, ParameterError
from rgwidgets.widgets import bundle


def test_both_files_are_there_and_together_under_a_megabyte():
    sizes = {name: len(bundle.asset(name)) for name in bundle.ASSETS}
    assert all(sizes.values())
    assert sum(sizes.values()) < 1_000_000


def test_no_address_outside_this_machine_is_in_the_lens():
    code = bundle.asset("lens.js").decode()
    for host in ("cdn.", "unpkg", "jsdelivr", "esm.sh", "skypack"):
        assert host not in code


@pytest.mark.parametrize("name", ["../bundle.py", "/etc/passwd", "lens.js.map", ""])
def test_only_the_bundle_can_be_asked_for(name):
    with pytest.raises(ParameterError, match=r"charts\.js"):
        bundle.asset(name)


def test_a_missing_bundle_says_how_to_mend_it(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    bundle.asset.cache_clear()
    try:
        with pytest.raises(BundleError, match="make lab"):
            bundle.asset("lens.js")
    finally:
        bundle.asset.cache_clear()
