from __future__ import annotations

import pytest

from genesis_lib import errors


def test_one_tree() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    assert len(kinds) > 5
    assert all(issubclass(kind, errors.GenesisError) for kind in kinds)


@pytest.mark.parametrize(
    ("where", "text"),
    [((), "cause"), (("f.gz",), "f.gz: cause"), (("f.gz", 7), "f.gz:7: cause")],
)
def test_a_recording_error_names_file_and_line(where, text) -> None:
    assert str(errors.RecordingError("cause", *where)) == text
