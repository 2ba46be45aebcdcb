"""The modules of the browser: what they decide without a page, what they say, and what is left of them when sent."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from servicedesk.web.assets import Assets, without_remarks

NPM = Path(__file__).parent / "npm"
STATIC = Path(__file__).parents[1] / "static"
TSC = NPM / "node_modules" / ".bin" / "tsc"
MODULES = sorted(STATIC.glob("*.js"))

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
needs_tsc = pytest.mark.skipif(not TSC.exists(), reason="there is no TypeScript; `make npm` installs it")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@needs_node
@pytest.mark.parametrize("tests", sorted(NPM.glob("test_*.js")), ids=lambda path: path.stem)
def test_what_a_module_decides_without_a_page_holds(tests: Path) -> None:
    said = run("node", "--experimental-detect-module", "--test", "--test-reporter=tap", tests)

    assert re.search(r"^# pass [1-9]", said, re.MULTILINE), said


@needs_tsc
def test_every_module_keeps_its_types() -> None:
    run(TSC, "-p", NPM)
    run(TSC, "-p", NPM / "tsconfig.worker.json")


def sent(folder: Path) -> Path:
    """Return a folder with the modules as visitors get them."""
    folder.mkdir()
    for module in MODULES:
        (folder / module.name).write_bytes(without_remarks(module.read_bytes()))
    return folder


@needs_tsc
def test_leaving_out_remarks_changes_nothing_else(tmp_path: Path) -> None:
    """Printed anew without any remark, a module and what is sent of it are the same."""
    plain = (
        "--allowJs",
        "--noCheck",
        "--noResolve",
        "--removeComments",
        "--target",
        "esnext",
        "--module",
        "esnext",
    )
    bare = sorted(sent(tmp_path / "sent").glob("*.js"))

    run(TSC, *plain, "--rootDir", STATIC, "--outDir", tmp_path / "a", *MODULES)
    run(TSC, *plain, "--rootDir", tmp_path / "sent", "--outDir", tmp_path / "b", *bare)

    for module in MODULES:
        assert (tmp_path / "a" / module.name).read_text() == (tmp_path / "b" / module.name).read_text()


@needs_node
def test_every_module_as_it_is_sent_can_be_read(tmp_path: Path) -> None:
    for module in sent(tmp_path / "sent").iterdir():
        text = module.read_text()
        assert "@param" not in text
        module.with_suffix(".mjs").write_text(text)
        run("node", "--check", module.with_suffix(".mjs"))


def test_a_text_with_slashes_is_sent_whole(tmp_path: Path) -> None:
    module = tmp_path / "a.js"
    module.write_text(
        '// A remark.\n/** @type {string} */\nconst a = "// no remark"; // kept\n  /**\n   * @param {*} b\n   */\n'
        'const c = /** @type {any} */ (a);\n/** @type {any} */ (a).b = "*/";\nconst d = "/** no remark */";\n'
    )

    assert without_remarks(module.read_bytes()).decode() == (
        'const a = "// no remark"; // kept\nconst c = /** @type {any} */ (a);\n'
        '/** @type {any} */ (a).b = "*/";\nconst d = "/** no remark */";\n'
    )


def test_a_developer_gets_modules_with_their_remarks() -> None:
    assets = Assets(STATIC, reload=True)

    assert assets.find("words.js").body == (STATIC / "words.js").read_bytes()


def test_every_text_of_the_modules_is_found_for_translation() -> None:
    found = set()
    for _, _, message, _, _ in extract_from_dir(
        STATIC, method_map=[("**.js", "javascript")], keywords={"t": None, "tn": (1, 2)}
    ):
        found.add(message if isinstance(message, str) else message[0])

    calls = [call for module in MODULES if module.name != "words.js" for call in asked(module)]
    assert len(calls) > 100
    assert {text for text, is_literal in calls if is_literal} == found
    assert [text for text, is_literal in calls if not is_literal] == []


def asked(module: Path) -> list[tuple[str, bool]]:
    """Return what the module asks to have translated, and whether each is a literal that a program can find."""
    source = without_remarks(module.read_bytes()).decode()
    calls = re.findall(r'(?<![\w.$])tn?\((?:"((?:[^"\\]|\\.)*)"|([^)]*))', source)
    return [(text, True) if text else (other, False) for text, other in calls]
