# The code of a disassembly without what dialects of one model may differ in: names, and operands
# that arrive through inputs other than the ids (positions, padding masks).
/^  \.code/ { on = 1; next }
/^\./ { on = 0 }
on {
    sub(/ *@[0-9].*/, "")
    if ($1 == "in" && $3 != "input_ids") { sub(/,$/, "", $2); from_outside[$2] = 1; next }
    line = $1
    for (i = 2; i <= NF; i++) {
        w = $i; sub(/,$/, "", w)
        if (w in from_outside) continue
        function_of = $1 ~ /^ew/ && i == NF # not a name
        if (w ~ /^[%a-zA-Z_]/ && !function_of && !(w in known)) known[w] = "n" ++n
        line = line " " (!function_of && w in known ? known[w] : w)
    }
    print line
}
