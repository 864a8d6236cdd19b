import pytest

import inlay


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (inlay.InvalidArgumentError, ValueError),
        (inlay.OutOfRangeError, IndexError),
        (inlay.SerializationError, ValueError),
    ],
)
def test_specific_errors_refine_a_builtin(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)
    assert issubclass(error, inlay.InlayError)
    assert repr(error) == f"<class 'inlay.{error.__name__}'>"
