# What scripts/lint finds by reading every file once. Arguments: the list of files (git ls-files), docs/design.md,
# the READMEs and documents, the sources. docs/design.md says which room may include what, and which lines may stand
# twice. Prints a line a finding.
function fail(text) { print "lint: " text }
function folder_of(path) { return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : "." }

# The names between backticks of a line, into name[1 ...]; how many.
function quoted(line, name,    n) {
  n = 0
  while (match(line, /`[^`]+`/)) {
    name[++n] = substr(line, RSTART + 1, RLENGTH - 2)
    line = substr(line, RSTART + RLENGTH)
  }
  return n
}

# A README of its own, or one above it that says what it is; folders at the root have their own.
function described(folder,    above, part) {
  if (folder in text) return 1
  for (above = folder; above != "."; ) {
    above = folder_of(above)
    part = above == "." ? folder : substr(folder, length(above) + 2)
    sub(/\/.*/, "", part)
    if (above != "." && above in text && index(text[above], part "/")) return 1
  }
  return 0
}

BEGIN { # files that are not ours
  n = split("llama2.c karpathy/llama2.c run.c transformer.h cmocka.h sysexits.h", name, " ")
  while (n > 0) foreign[name[n--]] = 1
}

# ---- the list: paths, every end of a path, stems below a folder
FNR == 1 { file++ }
file == 1 {
  folder = folder_of($0)
  if (/\.(c|h|def|y|l)$/ && ++files_in[folder] == 31) crowded[folder] = 1
  exists[$0] = 1
  for (at = $0; ; at = substr(at, index(at, "/") + 1)) {
    known[at] = 1
    if (at !~ /\//) break
  }
  for (dir = folder; ; dir = folder_of(dir)) {
    is_folder[dir] = 1
    rest = dir == "." ? $0 : substr($0, length(dir) + 2)
    sub(/\.[a-z]+$/, "", rest)
    for (at = rest; ; at = substr(at, index(at, "/") + 1)) {
      stem[dir, at] = 1
      if (at !~ /\//) break
    }
    for (at = dir "/"; ; at = substr(at, index(at, "/") + 1)) {
      known[at] = 1
      if (at !~ /\/./) break
    }
    if (dir == ".") break
  }
  next
}

# ---- documents
FNR == 1 {
  here = folder_of(FILENAME)
  document = FILENAME ~ /\.md$/
  readme = FILENAME ~ /(^|\/)README\.md$/
  section = in_files = n_kept = in_code = 0
}
document && /^```/ { in_code = !in_code }
document {
  if (readme) text[here] = text[here] $0 "\n"
  if (FILENAME == "docs/design.md") {
    if (/^## /) section = $0
    split($0, cell, /[ \t]*\|[ \t]*/)
    if (section == "## Rooms" && cell[2] ~ /^`/) {
      quoted(cell[2], name)
      room = name[1]
      rooms++
      n = quoted(cell[4], name)
      for (i = 1; i <= n; i++) may[room] = may[room] " " name[i]
    }
    if (section == "## Lines that stand twice" && cell[2] ~ /^`/) {
      quoted(cell[2], name)
      first = name[1]
      quoted(cell[3], name)
      twice[first, name[1]] = twice[name[1], first] = ++n_twice
      pair[n_twice] = first " and " name[1]
    }
  }
  # Names that look like files; NAME, KIND and * stand for any.
  n = quoted($0, name)
  for (i = 1; i <= n; i++) {
    m = split(name[i], word, /[ ,;:()=]+/)
    for (k = 1; k <= m; k++) {
      w = word[k]
      if (w ~ /[*<>{}$]|[A-Z][A-Z][A-Z]/ && w !~ /README/) continue
      if (w ~ /^[A-Za-z0-9_.\/-]+\.(c|h|def|y|l|sh|awk|py|md|svg|tsv)$/) {
        sub(/^(\.\.?\/)+/, "", w)
        if (w !~ /^shared\// && !(w in known) && !(w in foreign)) fail(FILENAME ":" FNR ": there is no file " w)
      } else if (w ~ /^[a-z][a-z0-9_-]*(\/[a-z0-9_-]+)*\/$/ && w !~ /^build/ && !(w in known))
        fail(FILENAME ":" FNR ": there is no folder " w)
    }
  }
  if (!in_code) {
    line = $0
    gsub(/`[^`]*`|https?:[^ )]*/, "", line)
    m = split(line, word, /[^A-Za-z0-9_.\/-]+/)
    for (k = 1; k <= m; k++) {
      w = word[k]
      sub(/\.$/, "", w)
      if (w ~ /^[A-Za-z0-9_\/-]+\.(c|h|def)$/ && !(w in known) && !(w in foreign)) fail(FILENAME ":" FNR ": there is no file " w)
    }
  }
  # Links.
  line = $0
  while (!in_code && match(line, /\]\([^)#: ]+/)) {
    to = substr(line, RSTART + 2, RLENGTH - 2)
    line = substr(line, RSTART + RLENGTH)
    sub(/\/$/, "", to)
    at = here
    while (to ~ /^\.\.?(\/|$)/) {
      if (to ~ /^\.\./) at = folder_of(at)
      sub(/^\.\.?\/?/, "", to)
    }
    path = at == "." ? to : to == "" ? at : at "/" to
    if (path != "" && !(path in exists) && !(path in is_folder)) fail(FILENAME ":" FNR ": there is nothing at " path)
  }
  # The first column of tables of files.
  if (/^\| *files?( in `[^`]+`)? *\|/) in_files = 1
  else if (!/^\|/) in_files = 0
  else if (in_files) {
    split($0, cell, "|")
    n = quoted(cell[2], name)
    for (i = 1; i <= n; i++)
      if (name[i] ~ /^[A-Za-z0-9_\/-]+$/ && name[i] !~ /[A-Z][A-Z][A-Z]/ && name[i] !~ /\/$/ && !((here, name[i]) in stem) && !((here == "." ? name[i] : here "/" name[i]) in is_folder))
        fail(FILENAME ":" FNR ": the table has no file for " name[i])
  }
  next
}

# ---- sources
FNR == 1 {
  outside = FILENAME ~ /^(tests|bench|examples)\// # of the layers
  library = FILENAME ~ /^(support|isa|ir|frontend|passes|backend|runtime-sim|tokenizer|host|eval)\/.*\.c$/
  tested = FILENAME ~ /^tests\//
  for (room = here; !(room in may) && room != "."; room = folder_of(room)) continue
  if (!outside && !(room in may)) fail(FILENAME ": its folder is no room of docs/design.md")
}
{ lines[FILENAME] = FNR }
!outside && /^ *# *include "/ && room in may {
  target = $0
  gsub(/^[^"]*"|".*$/, "", target)
  if (target ~ /\//) { # else generated, in the same folder
    ok = 0
    n = split(may[room], name, " ")
    for (i = 1; i <= n; i++)
      if (name[i] ~ /\/\.$/ ? folder_of(target) "/." == name[i] : index(target, name[i] "/") == 1) ok = 1
    if (!ok) fail(FILENAME ":" FNR ": " room " may not include \"" target "\" (may:" may[room] ")")
    if (target ~ /(^|\/)parts\.h$/ && folder_of(target) != here) fail(FILENAME ":" FNR ": \"" target "\" is for the files beside it")
  }
}
/^#ifndef OHMIC_/ && FILENAME ~ /\.h$/ {
  t = toupper(FILENAME)
  gsub(/[\/.-]/, "_", t)
  if ($2 != "OHMIC_" t) fail(FILENAME ":" FNR ": the guard is " $2 ", not OHMIC_" t)
}
# A line at the left margin that declares an object: no const, no parenthesis before '=' or the end.
library && /^(static |extern )?[A-Za-z_][A-Za-z0-9_ ]*[ *]+[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])*( = .*|;)$/ &&
  !/(^|[^A-Za-z0-9_])const($|[^A-Za-z0-9_])/ && !/^(typedef|return|goto|struct [a-z_]+;|enum |#)/ {
  fail(FILENAME ":" FNR ": mutable file-scope variable: " $0)
}
# Files that a comment names.
match($0, /\/\/.*/) {
  line = substr($0, RSTART)
  while (match(line, /[A-Za-z0-9_\/*-]+\.(c|h|def)([^A-Za-z0-9_.]|\.?$|\. )/)) {
    w = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    sub(/[^A-Za-z0-9_]*$/, "", w)
    if (w !~ /\*|[A-Z][A-Z][A-Z]/ && !(w in known) && !(w in foreign)) fail(FILENAME ":" FNR ": there is no file " w)
  }
}
# Six lines in a row that stand elsewhere too, but for spaces and comments; braces and the like do not count.
!tested {
  t = $0
  sub(/\/\/.*/, "", t)
  gsub(/[ \t]+/, "", t)
  if (t ~ /^[{}();,]*$/ || t ~ /^(#include.*|#endif|#else|break;|return(true|false|NULL)?;|else|default:.*)$/) next
  kept[n_kept % 6] = t
  place[n_kept % 6] = FNR
  if (++n_kept < 6) next
  key = ""
  for (i = n_kept; i < n_kept + 6; i++) key = key "\n" kept[i % 6]
  from = place[n_kept % 6]
  if (!(key in seen)) {
    seen[key] = FILENAME ":" from
    last[key] = FNR
    next
  }
  split(seen[key], other, ":")
  if (other[1] == FILENAME && last[key] >= from) next # overlaps itself
  if ((FILENAME, other[1]) in twice) {
    used[twice[FILENAME, other[1]]] = 1
    next
  }
  if (open_a != FILENAME || open_b != other[1] || open_n != n_kept - 1)
    fail(FILENAME ":" from ": six lines stand at " seen[key] " too: put them in one place, or say why not in docs/design.md")
  open_a = FILENAME
  open_b = other[1]
  open_n = n_kept
}

END {
  if (!rooms) fail("docs/design.md has no table of rooms")
  for (f in lines)
    if (lines[f] > 600) fail(f " has " lines[f] " lines, more than 600: which of its questions goes elsewhere?")
  for (f in crowded) fail(f "/ has " files_in[f] " files of its own, more than 30: it wants rooms")
  for (i = 1; i <= n_twice; i++)
    if (!used[i]) fail("docs/design.md: " pair[i] " have no six lines in common any more")
  for (f in is_folder)
    if (!described(f)) fail(f "/ has no README.md, and none above it says what it is")
}
