# Assembly (ohmic dis) with names that only say structure: for each tile its instructions, then the descriptors they
# name, numbered as they appear. Values that depend on data (addresses, static scales, offsets) are left out.
#   tiles  tiles to print, "0,1,8"; empty: all
#   from, until  operations of the IR to print: from <= number < until; from empty: all (then without `settl`'s and `halt`)

#   without  an input port that is left out with the operands that read it

function reset() {
    n_buffers = n_code = n_order = n_groups = n_rings = n_tables = 0
    delete kind; delete text; delete short; delete order; delete parent; delete column; delete code
    unread = ""
}

# "key=value" of the line's fields, the others left out
function field(key, otherwise,    i) {
    for (i = 3; i <= NF; i++) if (index($i, key "=") == 1) return substr($i, length(key) + 2)
    return otherwise
}

function define(kind_, number, what,    name) {
    name = $2 == "\"\"" ? "%" number : $2
    kind[kind_, name] = 1
    text[kind_, name] = what
    kind[kind_, "%" number] = 1
    if (name != "%" number) text[kind_, "%" number] = what
    last_group = name
    return name
}

# Short name of a descriptor; the first one of its kind is 0.
function call(k, name,    p, key) {
    if (k == "b" && (name in parent)) return call("b", parent[name]) "[" column[name] "]"
    if (k == "c") { # of the program, not of a tile
        if (!(name in channel)) channel[name] = "c" n_channels++
        return channel[name]
    }
    if (!((k, name) in kind)) return name
    key = k SUBSEP name
    if (!(key in short)) {
        short[key] = k count[k]++
        order[n_order++] = key
    }
    return short[key]
}

# What kind of descriptor operand number `i` of an instruction is.
function kind_of(op, i) {
    if (op ~ /^(send|recv)$/ && i == 2 || op == "recvadd" && i == 3) return "c"
    if (op ~ /^(in|out)$/ && i == 2) return ""
    if (op ~ /^(mvm|fin)$/ && i == 3) return "g"
    if (op == "attn" && i == 4 || op == "kvw" && i == 2 || op ~ /^(query|score|mix)$/ && i == 3) return "r"
    if (op == "posrow" && i == 2 || op ~ /^(gather|rows|prefix|suffix|ewt|norm|rope|clip)$/ && i == 3) return "t"
    return op == "settl" ? "" : "b"
}

function instruction(line,    n, operands, i, s, op, number) {
    number = -1
    if (match(line, / +@[0-9]+/)) {
        number = substr(line, RSTART, RLENGTH)
        sub(/ +@/, "", number)
        number += 0
        line = substr(line, 1, RSTART - 1)
    }
    if (from != "" && (number < from + 0 || number >= until + 0)) return
    sub(/^ +/, "", line)
    op = line
    sub(/ .*/, "", op)
    line = substr(line, length(op) + 2)
    s = "  " op
    sub(/\..*/, "", op)
    n = split(line, operands, /, /)
    if (op == "in" && operands[2] == without) {
        unread = operands[1]
        return
    }
    if (without != "" && operands[n] == unread) n--
    for (i = 1; i <= n; i++) {
        k = kind_of(op, i)
        s = s (i == 1 ? " " : ", ") (k == "" ? operands[i] : call(k, operands[i]))
    }
    code[n_code++] = s
}

function flush(    i, p) {
    if (in_code && n_code) {
        print "tile " tile
        for (i = 0; i < n_code; i++) print code[i]
        for (i = 0; i < n_order; i++) {
            split(order[i], p, SUBSEP)
            print "    " short[order[i]] " = " text[p[1], p[2]]
        }
        delete count
    }
    in_code = 0
}

/^\.tile / { flush(); reset(); tile = $2; wanted = tiles == "" || index("," tiles ",", "," tile ","); next }
/^\.chip/ { flush(); wanted = 0 }
!wanted { next }
$1 == ".buf" {
    define("b", n_buffers++, $3 " " $4 (field("quant") == "" ? "" : " " field("quant")) \
           " depth " field("depth", 1) (field("space") == "" ? "" : " in " field("space")))
}
$1 == ".view" { name = define("b", n_buffers++, ""); parent[name] = $3; column[name] = $4 }
$1 == ".group" { define("g", n_groups++, $3); blocks = 0 }
$1 == ".block" { blocks++; g = text["g", last_group]; sub(/ in .*/, "", g)
                 text["g", last_group] = g " in " blocks (blocks == 1 ? " block" : " blocks") }
$1 == ".ring" { # without the ports of caches
    s = ""
    for (i = 3; i <= NF; i++) if ($i !~ /^(past|present|kv_layout)/) s = s (i == 3 ? "" : " ") $i
    define("r", n_rings++, s)
}
$1 == ".table" { define("t", n_tables++, $3 " " $4) }
$1 == ".code" { in_code = 1; if ($2 != "" && $2 != "run") code[n_code++] = " phase " $2; next }
in_code && NF { instruction($0) }
END { flush() }
