"""The ready-made checks, run as a forge runs them: a bare repository, a runner's variables, and nothing else there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import yaml

from reconciler.cli.program import COMMANDS
from tests.golden.test_checks import CASES
from tests.support.command import Desk
from tests.support.publishing import Signer
from tests.support.repository import Repository
from tests.support.wheel import Clean

CASE = CASES / "a-set-of-changes"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Ran(msgspec.Struct, frozen=True):
    """What a step left."""

    code: int
    out: str
    err: str
    outputs: dict[str, str]
    folder: Path


class Runner:
    """A runner of GitHub: a repository that is pushed to, and a fresh checkout for each run."""

    def __init__(self, folder: Path, root: Path, clean: Clean) -> None:
        self.bare = Repository(folder / "author")
        self._folder, self._root, self._clean = folder, root, clean
        self.runs = 0

    def pull_request(self, base: Mapping[str, str | bytes], head: Mapping[str, str | bytes]) -> tuple[str, str]:
        """A base, and the merge that GitHub makes of a branch with it."""
        before = self.bare.commit(base)
        self.bare.git("switch", "-q", "-c", "topic")
        for path in base.keys() - head.keys():
            (self.bare.path / path).unlink()
        self.bare.commit(head)
        self.bare.git("switch", "-q", "main")
        self.bare.git("merge", "-q", "--no-ff", "-m", "Merge", "topic")
        return before, self.bare.git("rev-parse", "HEAD")

    def run(self, *, depth: int = 2, **more: str) -> Ran:
        """The step, with what a runner has and nothing else."""
        self.runs += 1
        temp = self._folder / f"run-{self.runs}"
        workspace, home = temp / "work", temp / "home"
        home.mkdir(parents=True)
        (temp / "reconciler").symlink_to(self._clean.bin.parent)
        command = ["git", "clone", "-q", f"--depth={depth}", f"file://{self.bare.path}", str(workspace)]
        subprocess.run(command, check=True, env={"PATH": PATH, "HOME": str(home)})
        environment = {
            "PATH": PATH,
            "HOME": str(home),
            "RUNNER_TEMP": str(temp),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_ACTION_PATH": str(self._root / "integrations/github"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_OUTPUT": str(temp / "output"),
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            **dict.fromkeys(("PLAN_PATH", "PLAN_BASE", "PLAN_OBSERVED", "PLAN_SIGNERS", "PLAN_TOKEN"), ""),
        }
        done = subprocess.run(
            ["sh", str(self._root / "integrations/github/plan.sh")],
            env=environment | more,
            cwd=workspace,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        output = temp / "output"
        lines = output.read_text().splitlines() if output.exists() else []
        outputs = dict(line.split("=", 1) for line in lines)
        return Ran(done.returncode, done.stdout, done.stderr, outputs, temp / "reconciler-plan")


@pytest.fixture
def runner(tmp_path: Path, root: Path, clean: Clean) -> Runner:
    return Runner(tmp_path, root, clean)


def named(text: str, base: str, head: str) -> str:
    """The text with the commits called as the golden files call them."""
    return text.replace(head[:12], "c0ffee").replace(base[:12], "decaf").replace(head, "c0ffee").replace(base, "decaf")


def test_a_check_on_a_fresh_runner_shows_what_the_golden_files_do(runner: Runner) -> None:
    before, after = ({"head.yaml": (CASE / f"{name}.yaml").read_bytes()} for name in ("base", "head"))
    base, head = runner.pull_request(before, after)
    ran = runner.run()
    assert (ran.code, ran.err) == (0, "")
    assert ran.outputs == {"exit-code": "0", "folder": str(ran.folder)}
    assert sorted(path.name for path in ran.folder.iterdir()) == ["comment.md", "number", "plan.json", "plan.sarif"]
    comment = (ran.folder / "comment.md").read_text(encoding="utf-8")
    assert named(comment, base, head) == (CASE / "comment.md").read_text(encoding="utf-8")
    assert named(ran.out, base, head) == (CASE / "github.txt").read_text(encoding="utf-8")
    assert (ran.folder / "plan.sarif").read_text() == (CASE / "sarif.json").read_text()
    assert (ran.folder.parent / "summary").read_text(encoding="utf-8") == comment
    assert (ran.folder / "number").read_text() == "7\n"
    assert json.loads((ran.folder / "plan.json").read_bytes())["source"]["base"] == base


CANARIES = {
    **{f"{name}.py": "import pathlib; pathlib.Path('{canary}').touch()" for name in ("venv", "sitecustomize", "os")},
    "reconciler/__init__.py": "import pathlib; pathlib.Path('{canary}').touch()",
    "pip/__main__.py": "import pathlib; pathlib.Path('{canary}').touch()",
    "git": "#!/bin/sh\ntouch {canary}\n",
    ".gitattributes": "*.yaml filter=evil\n",
    "pip.conf": "[global]\nindex-url = https://evil.invalid/\n",
}


def test_nothing_of_a_hostile_checkout_is_run_and_its_lines_command_no_runner(runner: Runner, tmp_path: Path) -> None:
    canary = str(tmp_path / "canary")
    files: dict[str, str | bytes] = {path: text.replace("{canary}", canary) for path, text in CANARIES.items()}
    evil = "apiVersion: reconciler/v1\nkind: '::error::x'\nmetadata: {name: a}\nspec: {}\n"
    before: dict[str, str | bytes] = {"head.yaml": (CASE / "base.yaml").read_bytes()}
    runner.pull_request(before, {**before, **files, "::add-mask::x.yaml": evil, "sub/##[error]x.yaml": evil})
    ran = runner.run()
    assert ran.code == 1
    assert not Path(canary).exists()
    for line in (*ran.err.splitlines(), *ran.out.splitlines()):
        assert "##[" not in line
        assert not line.strip().startswith("::") or line.startswith(("::error file=", "::group::", "::endgroup::"))
    assert "### No plan" in (ran.folder / "comment.md").read_text(encoding="utf-8")


def test_a_checkout_that_is_too_shallow_says_what_to_write(runner: Runner) -> None:
    runner.pull_request({"a.yaml": "kind: [\n"}, {"a.yaml": "kind: {\n"})
    ran = runner.run(depth=1)
    assert ran.code == 64
    assert "::error title=reconciler::The commit before the merge is not in this clone." in ran.out
    assert "fetch-depth: 2" in ran.out


def test_what_is_no_merge_needs_a_base_and_is_compared_with_where_it_left(runner: Runner) -> None:
    fleet = (CASE / "base.yaml").read_bytes()
    start = runner.bare.commit({"head.yaml": fleet})
    runner.bare.commit({"head.yaml": (CASE / "head.yaml").read_bytes()})
    assert "::error title=reconciler::HEAD is no merge." in runner.run(depth=9).out
    assert (
        json.loads((runner.run(depth=9, PLAN_BASE=start).folder / "plan.json").read_bytes())["source"]["base"] == start
    )
    refused = runner.run(depth=9, PLAN_BASE="--upload-pack=touch canary")
    assert "The base is not in this clone" in refused.out


@pytest.fixture
def published(tmp_path: Path, runner: Runner) -> Signer:
    """A first fleet in the runner's repository, standing, its observation signed and beside its branches."""
    desk = Desk(tmp_path / "desk")
    assert desk.init().code == 0
    shutil.rmtree(desk.repo / ".git")
    manifests: dict[str, str | bytes] = {
        str(path.relative_to(desk.repo)): path.read_bytes() for path in desk.repo.rglob("*") if path.is_file()
    }
    changed = manifests["flavors.yaml"]
    assert isinstance(changed, bytes)
    base, _ = runner.pull_request(manifests, {**manifests, "flavors.yaml": changed.replace(b"vcpus: 1", b"vcpus: 2")})
    signer = Signer.make(tmp_path)
    repo = ("--repo", str(runner.bare.path))
    assert desk.run("apply", *repo, "--rev", base).code == 0
    assert desk.run("observe", *repo, "--rev", base, "--publish", "git", "--key", str(signer.key)).code == 0
    return signer


def test_a_check_plans_on_the_published_observation_that_it_fetches(runner: Runner, published: Signer) -> None:
    ran = runner.run(depth=9, PLAN_OBSERVED="git", PLAN_SIGNERS=published.allowed.read_text(), PLAN_TOKEN="secret-7x")
    assert (ran.code, ran.err) == (0, "")
    comment = (ran.folder / "comment.md").read_text(encoding="utf-8")
    assert "signed by `controller@example.org`" in comment
    assert "waits: `--allow restart=Instance/default/web-1`" in comment
    assert not any("secret-7x" in path.read_text() for path in ran.folder.iterdir())


def test_an_observation_of_someone_else_fails_the_check(runner: Runner, published: Signer, tmp_path: Path) -> None:
    other = Signer.make(tmp_path, "other@example.org")
    ran = runner.run(depth=9, PLAN_OBSERVED="git", PLAN_SIGNERS=other.allowed.read_text())
    assert ran.code == 1
    assert "[observation-signature]" in ran.err


def test_an_observation_that_is_not_there_fails_the_check(runner: Runner) -> None:
    before: dict[str, str | bytes] = {"head.yaml": (CASE / "base.yaml").read_bytes()}
    runner.pull_request(before, {"head.yaml": (CASE / "head.yaml").read_bytes()})
    ran = runner.run(PLAN_OBSERVED="git")
    assert ran.code == 64
    assert "::error title=reconciler::No observation could be fetched." in ran.out


def test_the_job_for_gitlab_leaves_its_reports(runner: Runner, root: Path, clean: Clean, tmp_path: Path) -> None:
    before, after = ({"head.yaml": (CASE / f"{name}.yaml").read_bytes()} for name in ("base", "head"))
    base, head = runner.pull_request(before, after)
    _, job = yaml.safe_load_all((root / "integrations/gitlab/plan.yml").read_text())
    script = job["reconciler-plan"]["script"][-1].replace("/tmp/reconciler/bin", str(clean.bin))
    environment = {
        "PATH": PATH,
        "HOME": str(tmp_path),
        "CI_PROJECT_DIR": str(runner.bare.path),
        "CI_COMMIT_SHA": head,
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
        **dict.fromkeys(("PLAN_PATH", "PLAN_OBSERVED", "PLAN_SIGNERS"), ""),
    }
    done = subprocess.run(["sh", "-ec", script], env=environment, cwd=tmp_path, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    reports = job["reconciler-plan"]["artifacts"]["reports"]
    for kind in ("terraform", "codequality"):
        found = (runner.bare.path / reports[kind]).read_text()
        assert found == (CASE / f"gitlab-{kind}.json").read_text()


def test_the_hooks_for_pre_commit_are_commands_that_tell_what_is_wrong(root: Path, tmp_path: Path) -> None:
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert (program, hook["language"], hook["pass_filenames"]) == ("reconciler", "python", False)
        assert words[0] in COMMANDS
        assert desk.run(*words).code == 0
    (desk.repo / "flavors.yaml").write_text("kind:   [\n")
    assert [desk.run(*hook["entry"].split()[1:]).code for hook in hooks] == [1, 1]


def linted(folder: Path, program: str, *words: str) -> str:
    command = [str(Path(sys.executable).parent / program), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def installed(root: Path, tmp_path: Path) -> Path:
    """The files as they lie in a repository that uses them."""
    shutil.copytree(root / "integrations/github/workflows", tmp_path / ".github/workflows")
    for name in ("action.yml", "comment/action.yml"):
        target = tmp_path / ".github/actions" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "integrations/github" / name, target)
    return tmp_path


def test_zizmor_finds_nothing_in_the_workflows_and_actions(installed: Path) -> None:
    assert linted(installed, "zizmor", "--offline", "--no-progress", "--persona=pedantic", ".") == ""


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", ["workflows/plan.yml", "workflows/comment.yml"]),
        ("github-actions", ["actions/action.yml", "actions/comment/action.yml"]),
    ],
)
def test_workflows_and_actions_are_as_their_schemas_say(installed: Path, schema: str, files: list[str]) -> None:
    names = [str(installed / ".github" / name) for name in files]
    assert linted(installed, "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *names) == ""


def test_the_job_for_gitlab_is_as_its_schema_says(root: Path, tmp_path: Path) -> None:
    head, _, job = (root / "integrations/gitlab/plan.yml").read_text().partition("\n---\n")
    (tmp_path / "job.yml").write_text(job)
    words = ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", "job.yml"]
    assert linted(tmp_path, *words) == ""
    inputs = yaml.safe_load(head)["spec"]["inputs"]
    assert {f"$[[ inputs.{name} ]]" for name in inputs} == set(used(job))


def used(text: str) -> list[str]:
    return [f"$[[{part.partition(']]')[0]}]]" for part in text.split("$[[")[1:]]


def test_every_action_of_others_is_pinned_by_its_commit_with_the_version_beside(installed: Path) -> None:
    lines = [
        line
        for path in (installed / ".github").rglob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert len(lines) >= 5
    for line in lines:
        pin, _, comment = line.partition("@")[2].partition(" # ")
        assert len(pin) == 40
        assert comment
