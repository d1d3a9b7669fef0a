#!/bin/bash
# What docs/ and the folders' READMEs show (documents.sh); those with commands of their own are run by test_readme_commands.sh.
. tests/golden/documents.sh

for page in $(git ls-files --cached --others --exclude-standard -- 'docs/*.md' '*README.md' 'bench/*.md' 2> /dev/null || find . -name '*.md' | sed 's,^\./,,'); do
    case $page in README.md | examples/tales/* | examples/gaincell/*) continue ;; esac
    document "$page"
done
exit $failed
