#!/bin/sh
# The check of a pull request on a GitHub runner. It needs git and Python 3.11 with venv, and nothing that is secret.
# The checkout is a stranger's: nothing in it is run, no program is started while standing in it, and Python never
# looks for modules there (-I). What is read of it are Git objects.
set -eu

fail() {
    printf '::error title=reconciler::%s\n' "$1"
    exit 64
}

in_checkout() {
    git -C "$GITHUB_WORKSPACE" -c core.hooksPath=/dev/null -c core.fsmonitor=false "$@"
}

commit() {
    in_checkout rev-parse --verify --quiet --end-of-options "$1^{commit}"
}

install() {
    [ ! -x "$program" ] || return 0
    python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 is needed. Put a step with actions/setup-python before this one."
    python3 -I -m venv "$environment"
    "$environment/bin/python" -I -m pip install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH/../.."
}

# The merge that GitHub checks out has the base as its first parent. Of anything else the branch's own start is taken:
# else what others merged meanwhile would look as if this pull request took it back.
find_base() {
    if [ -n "$PLAN_BASE" ]; then
        base=$(commit "$PLAN_BASE") || fail "The base is not in this clone. Check out with fetch-depth: 0."
        base=$(in_checkout merge-base "$base" "$head") || fail "The base and HEAD have no commit in common here. Check out with fetch-depth: 0."
        return
    fi
    [ "$(in_checkout cat-file -p "$head" | sed '/^$/q' | grep -c '^parent ')" = 2 ] ||
        fail "HEAD is no merge. Run on pull_request, or say what to compare with: base."
    base=$(commit "$head^1") || fail "The commit before the merge is not in this clone. Check out with fetch-depth: 2."
}

# Observations are kept beside the branches. The token goes into the environment of this one command only.
fetch_observation() {
    case $PLAN_OBSERVED in
        git) refs='refs/reconciler/*/observation' ;;
        refs/*) refs=$PLAN_OBSERVED ;;
        *) return 0 ;;
    esac
    header=
    [ -z "$PLAN_TOKEN" ] || header="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$PLAN_TOKEN" | base64 | tr -d '\n')"
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader" GIT_CONFIG_VALUE_0=$header \
        in_checkout fetch --quiet --no-tags --no-recurse-submodules --depth=1 origin "+$refs:$refs" ||
        fail "No observation could be fetched. Publish one and push it: reconciler observe --publish git"
}

# What a line of data begins with is no command to the runner.
shown() {
    sed -e 's/::/: :/g' -e 's/##\[/## [/g' "$1"
}

environment=$RUNNER_TEMP/reconciler
program=$environment/bin/reconciler
folder=$RUNNER_TEMP/reconciler-plan
rm -rf "$folder"
mkdir -p "$folder"
cd "$RUNNER_TEMP"
head=$(commit HEAD) || fail "There is no commit in the checkout. Put a step with actions/checkout before this one."
if [ -n "$PLAN_OBSERVED" ]; then
    fetch_observation
    set -- --observed "$PLAN_OBSERVED"
    if [ -n "$PLAN_SIGNERS" ]; then
        printf '%s\n' "$PLAN_SIGNERS" >"$folder/signers"
        set -- "$@" --signers "$folder/signers"
    fi
else
    find_base
    set -- --base "$base"
fi
unset PLAN_TOKEN header
install

code=0
"$program" plan --repo "$GITHUB_WORKSPACE" --path "$PLAN_PATH" --rev "$head" "$@" --output github \
    --also "markdown=$folder/comment.md" --also "json=$folder/plan.json" --also "sarif=$folder/plan.sarif" \
    2>"$folder/errors" || code=$?
shown "$folder/errors" >&2
number=${GITHUB_REF#refs/pull/}
case ${number%%/*} in
    '' | *[!0-9]*) ;;
    *) printf '%s\n' "${number%%/*}" >"$folder/number" ;;
esac
rm -f "$folder/errors" "$folder/signers"
printf 'exit-code=%s\nfolder=%s\n' "$code" "$folder" >>"$GITHUB_OUTPUT"
exit "$code"
