"""Generated files are up to date with their sources."""

from pathlib import Path

import pytest
import yaml

from generate.blocks import markdown_table, replace_block
from generate.crds import DIRECTORIES
from generate.files import GENERATED, ROOT
from generate.generated import Generated, whole_file
from sluice_operator.kinds.registry import KINDS


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: file.path)
def test_file_is_up_to_date(file: Generated) -> None:
    present = (ROOT / file.path).read_text(encoding="utf-8")
    assert present == file.render(present), f"{file.path} is stale: run `make generate`"


def test_no_path_is_generated_twice() -> None:
    assert len({file.path for file in GENERATED}) == len(GENERATED)


def test_there_is_one_crd_for_each_kind() -> None:
    for directory in DIRECTORIES:
        assert {path.name for path in (ROOT / directory).iterdir()} == {f"{kind.plural}.yaml" for kind in KINDS}


def test_both_directories_have_crds() -> None:
    for directory in DIRECTORIES:
        crd = yaml.safe_load((ROOT / directory / "relays.yaml").read_text())
        assert crd["kind"] == "CustomResourceDefinition"


def test_a_stale_or_missing_file_is_written(tmp_path: Path) -> None:
    file = whole_file("docs/new.md", lambda: "text\n")
    assert not file.is_fresh(tmp_path)
    file.write(tmp_path)
    assert (tmp_path / "docs/new.md").read_text() == "text\n"
    assert file.is_fresh(tmp_path)
    (tmp_path / "docs/new.md").write_text("edited\n")
    assert not file.is_fresh(tmp_path)


PAGE = "above\n<!-- generated: one -->\nold\n<!-- /generated: one -->\nbelow\n"


def test_a_block_is_replaced_and_the_page_around_it_stays() -> None:
    replaced = replace_block(PAGE, "one", "new | \\1\n")
    assert replaced == "above\n<!-- generated: one -->\nnew | \\1\n<!-- /generated: one -->\nbelow\n"


@pytest.mark.parametrize("text", ["", PAGE + PAGE])
def test_a_block_must_be_there_once(text: str) -> None:
    with pytest.raises(ValueError, match="parts named one"):
        replace_block(text, "one", "new")


def test_cells_of_a_table_are_escaped() -> None:
    assert markdown_table(["a", "b"], [["1|2", "3"]]) == "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n"
