#!/bin/bash
# The worked listings 3a, 3b, 3c, 3d and 3e (docs/worked-listings.md), as the compiler makes them for the chip bench-1.
. tests/golden/common.sh

# By hand, rows that some tiling spreads over tiles have static scales.
scales=--static-scales

compile() { # MODEL OPTIONS...
    "$ohmic" compile "$@" --chip bench-1 $scales -o "$out/p.ohm" > "$out/log" 2>&1 && return 0
    cat "$out/log"
    fail "$1 does not compile"
    return 1
}

# Language model in the manner of GPT-2: first layer with the embedding, second half of a layer, head.
if compile examples/tales/tales_gpt.onnx; then
    listing "$out/p.ohm" tiles=0,1,8 | same $here/3a.s "worked listing 3a"
fi
if compile examples/tales/tales_gpt.onnx --logits last; then
    listing "$out/p.ohm" tiles=8 | same $here/3a-last.s "worked listing 3a, last row"
fi
# LLaMA: first layer with the embedding, a layer, head.
model=$shared/stories260K/stories260k_legacy_op17.onnx
if have $model && compile $model; then
    listing "$out/p.ohm" tiles=0,1,5 | same $here/3b.s "worked listing 3b"
fi
# ALBERT: one layer of twelve that share four tiles; what stands before and behind them.
model=$shared/rxnmapper_albert/albert_rxnmapper_op17.onnx
if have $model && compile $model; then
    listing "$out/p.ohm" > "$out/all"
    # a layer begins with the codes that tile 1 receives
    set -- $(awk '/^\.tile /{t = $2} t == 1 && $1 == "recv" {print substr($4, 2)}' "$out/dis")
    {
        listing "$out/p.ohm" tiles=0,5
        listing "$out/p.ohm" tiles=1,2,3,4 from=$2 until=$3
    } | same $here/3c.s "worked listing 3c"
fi
model=$shared/own/tales_judge_op17.onnx
if have $model && compile $model; then
    last=$("$ohmic" dis --no-data "$out/p.ohm" | awk '/^\.tile /{t = $2} END {print t}')
    listing "$out/p.ohm" tiles=$((last - 1)),$last | same $here/3c-pooler.s "worked listing 3c, pooler"
fi
# Vision transformer, whole.
model=$shared/vit_cifar10_ibp/model.onnx
if have $model && compile $model; then
    listing "$out/p.ohm" | same $here/3e.s "worked listing 3e"
fi
# Encoder and decoder: two phases, the keys and values of cross attention between them.
if compile $here/3d.oir; then
    listing "$out/p.ohm" | same $here/3d.s "worked listing 3d, small"
fi
# A row that two tiles make gets its scale by messages.
scales=
if compile examples/tales/tales_gpt.onnx --set tile.crossbars=2; then
    listing "$out/p.ohm" tiles=2,3 | same $here/spread.s "a row with a scale of its own, made by two tiles"
fi
exit $failed
