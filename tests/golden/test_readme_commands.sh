#!/bin/bash
# What README.md and the examples' READMEs show (documents.sh). scripts/demo and scripts/test are run by .ci/run.
. tests/golden/documents.sh

for readme in README.md examples/tales/README.md examples/gaincell/README.md; do
    document $readme
    grep -q '	sh	' "$out/index" || fail "$readme has no commands"
done
exit $failed
