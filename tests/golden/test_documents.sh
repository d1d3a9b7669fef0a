#!/bin/bash
# What docs/ and the folders' READMEs show (documents.sh); those with commands of their own are run by test_readme_commands.sh.
. tests/golden/documents.sh

for page in $(git ls-files --cached --others --exclude-standard -- 'docs/*.md' '*README.md' 'bench/*.md' 2> /dev/null || find . -name '*.md' | sed 's,^\./,,'); do
    case $page in README.md | examples/tales/* | examples/gaincell/*) continue ;; esac
    document "$page"
done

# What is wrong in a document is found.
printf '# x\n\n    build/ohmic dis x\n\n```sh\nfalse\n```\n```output\nnothing\n```\n```oir\nmodule {\n```\n```asm\n.ohm 1\n```\n```\nx\n```\n```c\n```
`ohmic frobnicate`, `--bogus-option`, `ohmic dis --bogus`\n```sh\n' > "$out/wrong.md"
found=$( (document "$out/wrong.md") 2>&1)
for what in 'indented, not fenced' 'does not end' 'does not succeed' 'no command prints: nothing' 'this is not read' 'does not assemble' \
    "'nothing' is no kind" 'without name=' "no 'ohmic frobnicate'" 'no --bogus-option' 'no --bogus$'; do
    printf '%s\n' "$found" | grep -q -e "$what" || fail "a wrong document is not told: $what"
done
exit $failed
