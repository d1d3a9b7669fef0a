# Which share of the lines of folders was executed. Reads a table (target, folder, least share in percent) and
# gcov's summary of a run of the target `name`; fails when a share is less.
#   awk -v name=TARGET -f scripts/coverage.awk tests/fuzz/coverage.txt SUMMARY

FNR == 1 { file++ }
file == 1 {
    if ($0 !~ /^#/ && NF == 3 && $1 == name) { folders[++n] = $2; least[n] = $3 }
    next
}
/^File '/ { path = substr($0, 7, length($0) - 7); next }
/^Lines executed:/ && path != "" {
    split($2, share, /[:%]/)
    for (i = 1; i <= n; i++)
        if (index(path, folders[i]) == 1 && path !~ /\.def$/) { lines[i] += $4; reached[i] += share[2] * $4 / 100 }
    path = ""
}
END {
    if (n == 0) { print "coverage: the table has no row for " name; exit 1 }
    for (i = 1; i <= n; i++) {
        percent = lines[i] ? 100 * reached[i] / lines[i] : 0
        low = percent < least[i]
        failed = failed || low
        printf "coverage: %s reaches %.1f %% of %d lines of %s (at least %d %%)%s\n", name, percent, lines[i],
            folders[i], least[i], low ? ": TOO FEW" : ""
    }
    exit failed
}
