# Fenced blocks of a document: each into a file of `folder`, and a line "number TAB line TAB kind TAB name TAB why".
function value(key,  at) {
    at = index(info, key "=\"")
    if (!at) return ""
    at = substr(info, at + length(key) + 2)
    return substr(at, 1, index(at, "\"") - 1)
}
/^```/ && !fenced {
    fenced = 1
    info = substr($0, 4)
    number = sprintf("%03d", ++blocks)
    file = folder "/" number
    printf "" > file
    kind = info
    sub(/ .*/, "", kind)
    # a tab between empty fields would be one separator
    printf "%s\t%d\t%s\t%s\t%s\n", number, NR, kind == "" ? "nothing" : kind, value("name") == "" ? "-" : value("name"), value("not-run")
    next
}
/^```/ {
    fenced = 0
    close(file)
    next
}
fenced { print > file }
!fenced && /^    ((build\/)?ohmic |scripts\/|%[A-Za-z0-9_.]+ (=|[a-z]+\.)|\.(ohm|tile|buf|code))/ {
    print FILENAME ":" NR ": a command or listing that is indented, not fenced: nothing would run it" > "/dev/stderr"
    bad = 1
}
END { exit fenced || bad }
