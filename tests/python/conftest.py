import pytest

import inlay


def pytest_report_header(config: pytest.Config) -> str:
    return f"inlay: {inlay.build_info()}"
