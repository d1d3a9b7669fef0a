# window.tsv (window, distance, right, of) as an SVG picture: one line per window, distances along the bottom.
/^#/ || $2 == "all" { next }
{
  if (!($1 in seen_w)) windows[++n_windows] = $1
  if (!($2 in seen_d)) distances[++n_distances] = $2
  seen_w[$1] = seen_d[$2] = 1
  share[$1, $2] = $3 / $4
}
function x(d) { return left + (d - 0.5) * width / n_distances }
function y(s) { return top + (1 - s) * height }
function text(px, py, anchor, words) {
  printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", px, py, anchor, words
}
END {
  left = 60; top = 40; width = 460; height = 240
  split("#d55e00 #e69f00 #009e73 #0072b2", colour, " ") # told apart by colour-blind readers too
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 340\" font-family=\"sans-serif\" font-size=\"12\">"
  print "<rect width=\"640\" height=\"340\" fill=\"white\"/>"
  text(left, 22, "start", "tales_gpt: facts recalled, by how many tokens back they stood")
  for (s = 0; s <= 4; s++) {
    printf "<path d=\"M%.1f %.1fh%.1f\" stroke=\"#ddd\"/>\n", left, y(s / 4), width
    text(left - 8, y(s / 4) + 4, "end", 25 * s " %")
  }
  for (d = 1; d <= n_distances; d++) text(x(d), top + height + 18, "middle", distances[d])
  text(left + width / 2, top + height + 40, "middle", "distance to the fact (tokens)")
  for (w = 1; w <= n_windows; w++) {
    path = ""
    dots = ""
    for (d = 1; d <= n_distances; d++) {
      s = share[windows[w], distances[d]]
      path = path sprintf("%s%.1f %.1f", d > 1 ? "L" : "M", x(d), y(s))
      dots = dots sprintf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x(d), y(s), colour[w])
    }
    printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n%s", path, colour[w], dots
    printf "<path d=\"M%.1f %.1fh16\" stroke=\"%s\" stroke-width=\"2\"/>\n", left + width + 8, top + 20 * w, colour[w]
    text(left + width + 30, top + 20 * w + 4, "start", "window " windows[w])
  }
  print "</svg>"
}
