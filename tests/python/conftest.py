import hypothesis
import pytest

import inlay

# A machine may be busy: how long an example takes proves nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_report_header(config: pytest.Config) -> str:
    return f"inlay: {inlay.build_info()}"
