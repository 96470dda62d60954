import os
import socket

import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models import manifest as manifests


def test_a_card_hashes_as_it_was_before_it_learnt_its_version() -> None:
    before, after = b"# {version}\n", b"# 0123456789ab\n"
    assert manifests.digest("card.md", before, "") == manifests.digest("card.md", after, "0123456789ab")
    assert manifests.digest("weights.safetensors", after, "0123456789ab") == manifests.digest("x", after, "")


def test_what_a_card_measured_is_no_part_of_the_version_but_of_the_file() -> None:
    fast, slow = b'{\n "a": 1,\n "measured": 5\n}', b'{\n "a": 1,\n "measured": 9\n}'
    assert manifests.essence("card.json", fast, "") == manifests.essence("card.json", slow, "")
    assert manifests.digest("card.json", fast, "") != manifests.digest("card.json", slow, "")
    page = b"<p>a</p><!--measured-->%s<!--/measured--><p>b</p>"
    assert manifests.essence("card.html", page % b"1 us", "") == manifests.essence("card.html", page % b"2 us", "")
    assert manifests.essence("card.html", page % b"1 us", "") != manifests.essence("card.html", page[9:] % b"1 us", "")


def test_only_plain_files_of_sensible_size_are_read(tmp_path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"12345")
    assert manifests.read_bytes(plain) == b"12345"
    with pytest.raises(ModelError, match="5 bytes, at most 4 are read"):
        manifests.read_bytes(plain, 4)
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(ModelError, match="1,099,511,627,776 bytes, at most 1,073,741,824"):
        manifests.read_bytes(huge)
    (tmp_path / "link").symlink_to(plain)
    with pytest.raises(ModelError, match="a link; a model consists of plain files"):
        manifests.read_bytes(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")  # reading one would wait for ever
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        for name in ("pipe", "folder", "socket", "missing"):
            with pytest.raises(ModelError, match=f"{name}: cannot be read"):
                manifests.read_bytes(tmp_path / name)


def test_nesting_without_end_is_no_json(tmp_path) -> None:
    with pytest.raises(ModelError, match="not readable as JSON"):
        manifests.parse(tmp_path / "deep.json", b"[" * 200_000)
    with pytest.raises(ModelError, match="not readable as JSON"):
        manifests.parse(tmp_path / "bytes.json", b"\xff\xfe")


def test_the_version_follows_from_all_but_the_date() -> None:
    first = manifests.content_version({"a": 1, "created": "now", "version": "", "files": {}})
    assert first == manifests.content_version({"version": "x", "created": "then", "a": 1, "files": {}})
    assert first != manifests.content_version({"a": 2, "created": "now", "version": "", "files": {}})
    assert manifests.VERSION.fullmatch(first)
