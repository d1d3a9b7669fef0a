#!/usr/bin/env bash
# ohmic cost --floorplan: every tile, crossbar and link of a program stands on the picture with its figures, what
# limits is framed; the same for Graphviz; names that markup would misread; a full disk.
. tests/cli/lib.sh

count() { grep -oF -- "$1" "$2" | wc -l; }
expect() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }

exits 0 compile examples/tales/tales_gpt.onnx --chip bench-1 --slots 1024 --attention hard-sigmoid -q -o "$work/tales.ohm"
exits 0 cost "$work/tales.ohm" --floorplan "$work/a.svg"
exits 0 cost "$work/tales.ohm" --floorplan "$work/b.svg"
cmp -s "$work/a.svg" "$work/b.svg" || fail "two runs differ"
expect "$(count '<g><title>tile ' "$work/a.svg")" 9 tiles
expect "$(count '<title>crossbar ' "$work/a.svg")" 52 "crossbars that hold weights"
expect "$(count '<title>link of tile ' "$work/a.svg")" 8 links
grep -qF 'bench-1: 9 of 64 tiles; in the long run 128 ns a row' "$work/a.svg" || fail "no title"
grep -qF 'limited by crossbar 0 (and 2 more) of tile 0, busy 100.0 %' "$work/a.svg" || fail "what limits is not said"
# its line of text, its three crossbars and their tile
expect "$(count '#d55e00' "$work/a.svg")" 5 "things that limit"
expect "$(count '<g>' "$work/a.svg")" 9 "groups that begin"
expect "$(count '</g>' "$work/a.svg")" 11 "groups that end"

exits 0 cost "$work/tales.ohm" --floorplan "$work/a.dot"
expect "$(count '[pos=' "$work/a.dot")" 9 "tiles for Graphviz"
grep -qF 't0 -> t1 [label="' "$work/a.dot" || fail "no link for Graphviz"
expect "$(count 'penwidth=3' "$work/a.dot")" 1 "tiles that limit"
if command -v dot >/dev/null; then
  dot -Tplain "$work/a.dot" >"$work/plain" || fail "Graphviz does not take it"
  expect "$(grep -c '^node ' "$work/plain")" 9 "tiles that Graphviz reads"
else
  echo "SKIP $name: a.dot is not read by Graphviz, which is not installed"
fi

# what limits may be a link, and then no tile is framed
exits 0 cost "$work/tales.ohm" --set router.width=1 --floorplan "$work/c.svg"
grep -qE 'limited by link (east|south|west) of tile [0-9], busy 100.0 %' "$work/c.svg" || fail "no link limits"
expect "$(count '#d55e00' "$work/c.svg")" 3 "things that limit, the arrow in two parts"

exits 0 dis "$work/tales.ohm" -o "$work/tales.s"
sed -E 's/"?g\.model\.transformer\.h\.0\.attn\.c_attn\.weight\.q"?/"a<\&>\\"b"/g' "$work/tales.s" >"$work/odd.s"
exits 0 as "$work/odd.s" -o "$work/odd.ohm"
exits 0 cost "$work/odd.ohm" --floorplan "$work/odd.svg"
grep -qF 'a&lt;&amp;&gt;"b' "$work/odd.svg" || fail "a name is not written as markup wants it"
exits 0 cost "$work/odd.ohm" --floorplan "$work/odd.dot"
grep -qF 'a<&>\"b' "$work/odd.dot" || fail "a name is not written as Graphviz wants it"

# Tiles 3 and 8 change places: on a mesh of four columns, rows go back from tile 8 in the last row, past the places
# of three tiles that the program does not have.
exits 0 dis "$work/tales.ohm" -o "$work/turn.s"
awk '/^\.channel/ { gsub(/=3/, "=#"); gsub(/=8/, "=3"); gsub(/=#/, "=8") }
     /^\.tile/ { tile = $2 == 3 ? 8 : $2 == 8 ? 3 : $2; $0 = ".tile " tile }
     /^\.[a-z]/ && !/^\.tile/ { tile = "" }
     tile == "" { if (in_tiles) after = after $0 "\n"; else print; next }
     { in_tiles = 1; body[tile] = body[tile] $0 "\n" }
     END { for (t = 0; t < 9; t++) printf "%s", body[t]; printf "%s", after }' "$work/turn.s" >"$work/turned.s"
cp "$work/turn.s.data" "$work/turned.s.data"
exits 0 as "$work/turned.s" -o "$work/turned.ohm"
exits 0 cost "$work/turned.ohm" --set router.columns=4 --floorplan "$work/turned.svg"
expect "$(count '<g><title>tile ' "$work/turned.svg")" 12 "tiles, those that rows pass through included"
for t in 9 10 11; do
  grep -qF "<title>tile $t: rows pass through its router; the program does not use it" "$work/turned.svg" ||
    fail "tile $t is not drawn as passed"
done
grep -qF '9 of 64 tiles;' "$work/turned.svg" || fail "tiles that are passed are counted as used"
links=$(count '<title>link of tile ' "$work/turned.svg")
expect "$(grep -oE '^<path d="M[-0-9.]+ [-0-9.]+L[-0-9. ]+" stroke' "$work/turned.svg" | sort -u | wc -l)" "$links" \
  "links at places of their own"
tr '"ML' '\n' <"$work/turned.svg" | awk '/^0 0 [0-9]+ [0-9]+$/ { w = $3; h = $4; next }
  /^-?[0-9.]+ -?[0-9.]+$/ { n++; if ($1 < 0 || $1 > w || $2 < 0 || $2 > h) bad = 1 } END { exit bad || !w || !n }' ||
  fail "a link is drawn outside of the picture"
exits 0 cost "$work/turned.ohm" --set router.columns=4 --floorplan "$work/turned.dot"
grep -oE 't[0-9]+' "$work/turned.dot" | sort -u >"$work/named"
grep -oE 't[0-9]+ \[pos=' "$work/turned.dot" | cut -d' ' -f1 | sort -u >"$work/placed"
cmp -s "$work/named" "$work/placed" || fail "tiles that Graphviz is not given a place for"

# a pool is a unit like others, here the busiest; room without limit has no bar, and its text has the place
exits 0 compile examples/tales/tales_gpt.onnx --chip wang2025 --set memory.units=0 --set pool.arrays=1 --set digital.units=0 --set tile.scratchpad=0 \
  -q -o "$work/wang.ohm"
exits 0 cost "$work/wang.ohm" --floorplan "$work/wang.svg"
grep -qE 'limited by .*pool of tile 0, is busy' "$work/wang.svg" || fail "the pool is not the busiest"
expect "$(count '>pool</text>' "$work/wang.svg")" 1 "bars of the pool"
# its line of text, the bar and the tile
expect "$(count '#d55e00' "$work/wang.svg")" 3 "things that limit where it is the pool"
grep -A1 '>pad</text>' "$work/wang.svg" | grep -qE '>[0-9]+ B</text>' || fail "room without limit is not said"
[ "$(grep -A2 '>pad</text>' "$work/wang.svg" | tail -1)" = "</g>" ] || fail "room without limit has a bar"
exits 0 cost "$work/wang.ohm" --floorplan "$work/wang.dot"
grep -qE 'pool [0-9]+ %' "$work/wang.dot" || fail "Graphviz is not given the pool"

rejects "No space left" cost "$work/tales.ohm" --floorplan /dev/full
