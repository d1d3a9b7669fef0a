# window.tsv (window, distance, right, of) as a markdown table: a row per window, a column per range.
/^#/ { next }
{
  if (!($1 in seen_w)) windows[++n_windows] = $1
  if (!($2 in seen_d)) distances[++n_distances] = $2
  seen_w[$1] = seen_d[$2] = 1
  right[$1, $2] = $3
  of[$1, $2] = $4
}
END {
  head = "| window |"
  line = "|---|"
  for (d = 1; d <= n_distances; d++) {
    head = head " " distances[d] " |"
    line = line "---|"
  }
  print head "\n" line
  for (w = 1; w <= n_windows; w++) {
    row = "| " windows[w] " |"
    for (d = 1; d <= n_distances; d++) {
      k = windows[w] SUBSEP distances[d]
      row = row sprintf(" %.1f %% (%d of %d) |", 100 * right[k] / of[k], right[k], of[k])
    }
    print row
  }
}
