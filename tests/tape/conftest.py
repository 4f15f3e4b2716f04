import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recorded():
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("GANGWAY_DATA", root.parent / "shared" / "data"))

    def folder(name):
        if not (data / name).is_dir():
            pytest.skip(f"recorded data {name} is not in {data}; set GANGWAY_DATA")
        return data / name

    return folder
