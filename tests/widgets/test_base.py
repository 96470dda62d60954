from __future__ import annotations

import pytest

from genesis_lib.errors import InputError
from genesis_lib.widgets.base import STATIC, Widget, bundle


def test_the_bundle_holds_every_module_once_and_in_order():
    text = bundle("desk.js")
    for module in STATIC.glob("*.js"):
        heart = module.read_text(encoding="utf-8").splitlines()[0]
        assert text.count(heart) == 1, module.name
    assert 'from "./' not in text
    assert text.index("function decodeMessage") < text.index("class Store") < text.index("export default { render }")
    assert text.count("export ") == 1


def test_modules_that_import_each_other_are_refused(tmp_path):
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 1;\n')
    with pytest.raises(InputError, match=r"in a circle: a\.js -> b\.js -> a\.js"):
        bundle("a.js", tmp_path)


def test_a_missing_module_is_named(tmp_path):
    (tmp_path / "a.js").write_text('import { b } from "./gone.js";\n')
    with pytest.raises(InputError, match=r"gone\.js"):
        bundle("a.js", tmp_path)


def test_an_unknown_keyword_names_the_nearest_known_one():
    with pytest.raises(InputError, match="no keyword 'layuot'; did you mean 'layout'"):
        Widget(layuot=1)
