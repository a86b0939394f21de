"""What holds for every test: one thread, no deadline on a busy machine, browser tests marked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

settings.register_profile("rgwidgets", deadline=None)
settings.load_profile("rgwidgets")
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
