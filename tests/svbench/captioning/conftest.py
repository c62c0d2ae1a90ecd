"""One tiny chat model for all tests of captions, and clips to caption."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.chat_models import write_llava
from tests.factories.clips import write_folder


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny LLaVA-NeXT-Video."""
    return write_llava(tmp_path_factory.mktemp("models") / "llava")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five clips of a second; tests write nothing into it."""
    folder = tmp_path_factory.mktemp("clips") / "clips"
    write_folder(folder, 5)
    return folder
