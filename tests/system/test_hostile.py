"""Hostile repositories: each part of them is refused with its place, or does no harm, wherever people look at it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reconciler.serve.following.local import LocalBranch
from tests.support.command import Desk, Ran
from tests.support.harmless import is_harmless
from tests.support.hostile import RAW, TEXTS, Traps, compared, harmless
from tests.support.repository import Repository

SECRET = "secret-canary-b81f"
IMAGE = """apiVersion: reconciler/v1
kind: Image
metadata: {name: evil}
spec:
  source: %s
  sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  format: raw
  boot: {kernel: {source: vmlinuz, sha256: %s}, commandLine: %s}
---
apiVersion: reconciler/v1
kind: Instance
metadata: {name: evil}
spec: {flavor: small, image: evil, networks: {lan: {}}, userData: %s}
"""


@pytest.fixture
def repository(desk: Desk) -> Repository:
    """The user's repository, with ways to make what no work tree can hold."""
    return Repository(desk.repo)


def grown(desk: Desk, repository: Repository, rows: dict[str, str]) -> str:
    """A commit with everything that HEAD has, and entries `PATH: MODE TYPE ID` of any sort at its root."""
    have = repository.git("ls-tree", "-z", "HEAD").split("\0")
    rows_of_head = [row for row in have if row]
    before = repository.git("rev-parse", "HEAD")
    commit = repository.commit_tree(*rows_of_head, *(f"{entry}\t{path}" for path, entry in rows.items()))
    repository.git("update-ref", "refs/heads/main", before)
    return commit


def everywhere(desk: Desk, base: str, head: str, code: int) -> dict[str, str]:
    """What every format shows of a pull request, none of which acts; what goes to the job's summary among it."""
    shown, files = {}, desk.home / "files"
    for output in ("text", "json", "github"):
        ran = compared(desk, base, head, output, files)
        assert ran.code == code, ran.err
        harmless(ran, output)
        shown[output] = ran.out + ran.err
    for path in files.iterdir():
        text = path.read_text()
        harmless(Ran(0, text, ""))
        if path.name in ("markdown", "summary"):
            is_harmless(text)
        elif path.name != "text":
            json.loads(text)
        shown[f"also {path.name}"] = text
    assert {"also markdown", "also sarif", "also gitlab-codequality", "also summary"} <= shown.keys()
    ran = desk.run("validate", "--rev", head, GITHUB_ACTIONS="true")
    harmless(ran)
    assert ran.code == code
    return shown | {"validate": ran.out + ran.err}


def test_nothing_that_a_repository_has_to_offer_is_run(desk: Desk, tmp_path: Path) -> None:
    (desk.repo / ".gitattributes").write_text("* filter=evil diff=evil merge=evil ident\n")
    (desk.repo / ".gitmodules").write_text(
        '[submodule "x"]\n\tpath = x\n\turl = ext::touch\n\tupdate = !touch canary\n'
    )
    base, text = desk.git("rev-parse", "HEAD").strip(), (desk.repo / "networks.yaml").read_text()
    (desk.repo / "networks.yaml").write_text(text + "# another line\n")
    head = desk.commit("Attributes")
    traps = Traps(desk.repo / ".git", tmp_path / "canaries")
    for command in (["status"], ["show", "--ext-diff"], ["checkout", "-f", "HEAD~1", "--", "networks.yaml"]):
        subprocess.run(["git", *command], cwd=desk.repo, env=desk.environment, capture_output=True, check=False)
    assert {"fsmonitor", "smudge", "clean", "hook"} <= traps.sprung(), "they work, for Git"
    (desk.repo / "networks.yaml").write_text(text + "# another line\n")
    traps.sprung()
    everywhere(desk, base, head, 0)
    for command in (
        ["validate"],
        ["plan"],
        ["apply", "--rev", head],
        ["history"],
        ["blame", "Network/default/lan"],
        ["fmt", "--check"],
    ):
        harmless(desk.run(*command))
    follower = LocalBranch(desk.repo, "main")
    assert follower.look().commit == head
    assert not follower.rewound(base, head)
    assert follower.rewound(head, base)
    assert traps.sprung() == set()


def test_an_object_that_is_missing_is_not_fetched_by_what_the_repository_names(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    head = grown(desk, repository, {"ghost.yaml": f"100644 blob {'1' * 40}"})
    base = repository.git("rev-parse", "HEAD")
    traps = Traps(desk.repo / ".git", tmp_path / "canaries")
    with pytest.raises(AssertionError):
        repository.git("cat-file", "-p", "1" * 40)
    assert traps.sprung() == {"promisor"}, "it works, for Git"
    for output in ("text", "json"):
        ran = compared(desk, base, head, output, tmp_path / "summary")
        harmless(ran, output)
        assert (ran.code, "missing-object" in ran.err) == (1, True)
    assert desk.run("validate", "--rev", head).code == 1
    (desk.repo / ".git" / "refs" / "heads" / "main").write_text(head + "\n")
    assert LocalBranch(desk.repo, "main").look().commit == head
    assert traps.sprung() == set()


def test_what_is_no_plain_file_is_refused_with_its_place_and_nothing_of_it_is_read(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "secret.yaml").write_text(f"kind: {SECRET}\n")
    outside, folder = repository.blob(str(tmp_path / "secret.yaml").encode()), repository.blob(b"images")
    blob = repository.blob(b"kind: [\n")
    tree = repository.git("mktree", data=f"100644 blob {blob}\tinner.yaml\n".encode())
    base = repository.git("rev-parse", "HEAD")
    rows = {
        "link.yaml": f"120000 blob {outside}",
        "linked": f"120000 blob {folder}",
        "module": f"160000 commit {base}",
        "folder.yaml": f"040000 tree {tree}",
        "Case.yaml": f"100644 blob {blob}",
        "case.yaml": f"100644 blob {blob}",
        "line\nbreak.yaml": f"100644 blob {blob}",
        "turned\u202elmay.yaml": f"100644 blob {blob}",
        "\udcff.yaml": f"100644 blob {blob}",
        "\x1b[31m.yaml": f"100644 blob {blob}",
    }
    shown = everywhere(desk, base, grown(desk, repository, rows), 1)
    for name in ("link.yaml", "linked", "module", "folder.yaml", "case.yaml", "line\\nbreak.yaml", "\\xff.yaml"):
        assert name in shown["text"], name
        assert name in shown["validate"], name
    found = json.loads(desk.run("validate", "--rev", grown(desk, repository, rows), "-o", "json").out)["diagnostics"]
    expected = {"symlink", "submodule", "not-a-file", "case-clash", "file-name"}
    assert expected <= {each["code"] for each in found}
    assert not any(SECRET in text for text in shown.values())


def test_yaml_that_exhausts_or_runs_things_is_refused_with_its_place(desk: Desk, repository: Repository) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
    files = {
        **{f"deep{n}.yaml": piece * 30_000 for n, piece in enumerate(("[", "{", "- ", "? ", "[a: "))},
        "alias.yaml": bomb,
        "merge.yaml": "a: &a {x: 1}\nb:\n  <<: [" + ", ".join(["*a"] * 5) + "]\n",
        "round.yaml": "a: &a [*a]\n",
        "python.yaml": '!!python/object/apply:os.system ["touch canary"]\n',
        "long.yaml": "a: 0x" + "f" * 900_000 + "\n",
        "sixty.yaml": "a: " + "1:" + "59:" * 200_000 + "59\n",
    }
    base = repository.git("rev-parse", "HEAD")
    rows = {name: f"100644 blob {repository.blob(text.encode())}" for name, text in files.items()}
    shown = everywhere(desk, base, grown(desk, repository, rows), 1)
    for name in files:
        assert name in shown["text"], name
    assert all(len(text) < 1 << 20 for text in shown.values()), "a long line would fill the log"
    assert "limits-exceeded" not in shown["text"], "it took no limit to refuse it"
    assert not (desk.repo / "canary").exists()


def test_files_without_number_or_of_any_size_are_refused(desk: Desk, repository: Repository, tmp_path: Path) -> None:
    base, blob = repository.git("rev-parse", "HEAD"), repository.blob(b"a: 1\n")
    many = repository.git("mktree", data="".join(f"100644 blob {blob}\t{n:06}.yaml\n" for n in range(50_001)).encode())
    bomb = many
    for _ in range(6):  # a million times as many, in a kilobyte
        rows = "".join(f"040000 tree {bomb}\tf{n}\n" for n in range(10))
        bomb = repository.git("mktree", data=rows.encode())
    for tree, told in ((many, " manifest files"), (bomb, "more than 200,000 names")):
        ran = compared(desk, base, grown(desk, repository, {"f": f"040000 tree {tree}"}), "text", tmp_path / "s")
        harmless(ran)
        assert (ran.code, "source-too-large" in ran.err, told in ran.err) == (1, True, True), ran.err
    huge = repository.blob(b"\0" * (17 << 20))
    ran = compared(desk, base, grown(desk, repository, {"huge.yaml": f"100644 blob {huge}"}), "text", tmp_path / "s")
    assert (ran.code, "file-too-large" in ran.err, "huge.yaml" in ran.err) == (1, True, True)


def test_a_flood_of_mistakes_is_cut_and_counted(desk: Desk, repository: Repository, tmp_path: Path) -> None:
    flood = repository.blob(b"--- &a [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" * 2_000)
    base, head = repository.git("rev-parse", "HEAD"), grown(desk, repository, {"flood.yaml": f"100644 blob {flood}"})
    ran = compared(desk, base, head, "text", tmp_path / "s")
    assert ran.code == 1
    assert "more are not shown" in ran.err
    assert len(ran.err) < 1 << 20


def test_what_is_written_to_deceive_acts_nowhere(desk: Desk, repository: Repository) -> None:
    quoted, sha = json.dumps(" ".join(TEXTS)), "b" * 64
    (desk.repo / "evil.yaml").write_text(IMAGE % (json.dumps("images/" + TEXTS[5]), sha, quoted, quoted))
    for number, text in enumerate(TEXTS):
        name = text.replace("/", "-")
        (desk.repo / f"{name}.yaml").write_text(f"# {text}\n---\n" if number else "")
    base = repository.git("rev-parse", "HEAD")
    head = desk.commit("::set-output name=a::b\n\n##[add-mask]x")
    shown = everywhere(desk, base, head, 0)
    assert "## [add-mask]x" in shown["github"], "it is shown, and no command"
    assert not list(desk.home.parent.rglob("canary"))


def test_mistakes_that_are_written_to_deceive_act_nowhere(desk: Desk, repository: Repository) -> None:
    base = repository.git("rev-parse", "HEAD")
    files = {}
    for number, text in enumerate(TEXTS):
        quoted = json.dumps(text)
        content = f"{text}\nkind: {quoted}\nmetadata: {{{quoted}: {quoted}}}\n"
        files[f"{number}{text.replace('/', '-')}.yaml"] = content
    files |= {f"raw{number}.yaml": f"kind: {text}\nspec: [{text}\n" for number, text in enumerate(RAW)}
    files |= {f"escaped{number}.yaml": f"kind: {json.dumps(text)}\n" for number, text in enumerate(RAW)}
    rows = {
        name: f"100644 blob {repository.blob(text.encode('utf-8', 'surrogatepass'))}" for name, text in files.items()
    }
    shown = everywhere(desk, base, grown(desk, repository, rows), 1)
    assert "forbidden-character" in shown["json"] + shown["text"]


@pytest.mark.parametrize(
    "name", ["-evil", "--upload-pack=touch canary", "--output=canary", "$(touch canary)", ";touch canary", "a\u202eb"]
)
def test_references_that_look_like_options_or_commands_are_names(desk: Desk, name: str, tmp_path: Path) -> None:
    head = desk.git("rev-parse", "HEAD").strip()
    path = desk.repo / ".git" / "refs" / "heads" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\n")
    for ran in (compared(desk, head, name, "text", tmp_path / "s"), desk.run("plan", f"--base={name}", "--rev", head)):
        harmless(ran)
        assert ran.code in (1, 64)
    assert LocalBranch(desk.repo, "main").look().commit == head
    assert LocalBranch(desk.repo, name).look().commit in (head, "")
    assert not list(desk.home.parent.rglob("canary"))
