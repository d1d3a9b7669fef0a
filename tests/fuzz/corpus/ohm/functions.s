; Every function of one and of two operands, every reduction of columns.
.ohm 1
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4
.port x in f32 4
.port y out f32 4
.tile 0
  .buf x f32 4 depth=1 stride=16
  .buf v1 f32 4 depth=1 stride=16 base=16
  .buf v2 f32 4 depth=1 stride=16 base=32
  .buf v3 f32 4 depth=1 stride=16 base=48
  .buf v4 f32 4 depth=1 stride=16 base=64
  .buf v5 f32 4 depth=1 stride=16 base=80
  .buf v6 f32 4 depth=1 stride=16 base=96
  .buf v7 f32 4 depth=1 stride=16 base=112
  .buf v8 f32 4 depth=1 stride=16 base=128
  .buf v9 f32 4 depth=1 stride=16 base=144
  .buf v10 f32 4 depth=1 stride=16 base=160
  .buf v11 f32 4 depth=1 stride=16 base=176
  .buf v12 f32 4 depth=1 stride=16 base=192
  .buf v13 f32 4 depth=1 stride=16 base=208
  .buf v14 f32 4 depth=1 stride=16 base=224
  .buf v15 f32 4 depth=1 stride=16 base=240
  .buf v16 f32 4 depth=1 stride=16 base=256
  .buf v17 f32 4 depth=1 stride=16 base=272
  .buf v18 f32 4 depth=1 stride=16 base=288
  .buf v19 f32 4 depth=1 stride=16 base=304
  .buf v20 f32 4 depth=1 stride=16 base=320
  .buf v21 f32 4 depth=1 stride=16 base=336
  .buf v22 f32 4 depth=1 stride=16 base=352
  .buf v23 f32 4 depth=1 stride=16 base=368
  .buf v24 f32 4 depth=1 stride=16 base=384
  .buf v25 f32 4 depth=1 stride=16 base=400
  .buf v26 f32 4 depth=1 stride=16 base=416
  .buf v27 f32 4 depth=1 stride=16 base=432
  .buf v28 f32 4 depth=1 stride=16 base=448
  .buf v29 f32 4 depth=1 stride=16 base=464
  .buf v30 f32 4 depth=1 stride=16 base=480
  .buf v31 f32 4 depth=1 stride=16 base=496
  .buf v32 f32 4 depth=1 stride=16 base=512
  .buf v33 f32 4 depth=1 stride=16 base=528
  .buf v34 f32 4 depth=1 stride=16 base=544
  .buf v35 f32 4 depth=1 stride=16 base=560
  .buf v36 f32 4 depth=1 stride=16 base=576
  .buf v37 f32 4 depth=1 stride=16 base=592
  .buf v38 f32 4 depth=1 stride=16 base=608
  .buf v39 f32 4 depth=1 stride=16 base=624
  .buf v40 f32 4 depth=1 stride=16 base=640
  .buf v41 f32 4 depth=1 stride=16 base=656
  .buf v42 f32 4 depth=1 stride=16 base=672
  .buf v43 f32 4 depth=1 stride=16 base=688
  .buf v44 f32 4 depth=1 stride=16 base=704
  .buf v45 f32 4 depth=1 stride=16 base=720
  .buf v46 f32 4 depth=1 stride=16 base=736
  .buf v47 f32 4 depth=1 stride=16 base=752
  .buf v48 f32 4 depth=1 stride=16 base=768
  .buf v49 f32 4 depth=1 stride=16 base=784
  .buf v50 f32 4 depth=1 stride=16 base=800
  .buf v51 f32 4 depth=1 stride=16 base=816
  .buf v52 f32 4 depth=1 stride=16 base=832
  .buf v53 f32 4 depth=1 stride=16 base=848
  .code run
    in x, x
    ew1 v1, x, neg
    ew2 v2, x, v1, max
    ew1 v3, x, abs
    ew2 v4, v2, v3, max
    ew1 v5, x, sqrt
    ew2 v6, v4, v5, max
    ew1 v7, x, rsqrt
    ew2 v8, v6, v7, max
    ew1 v9, x, recip
    ew2 v10, v8, v9, max
    ew1 v11, x, exp
    ew2 v12, v10, v11, max
    ew1 v13, x, log
    ew2 v14, v12, v13, max
    ew1 v15, x, erf
    ew2 v16, v14, v15, max
    ew1 v17, x, tanh
    ew2 v18, v16, v17, max
    ew1 v19, x, sigmoid
    ew2 v20, v18, v19, max
    ew1 v21, x, relu
    ew2 v22, v20, v21, max
    ew1 v23, x, silu
    ew2 v24, v22, v23, max
    ew1 v25, x, gelu
    ew2 v26, v24, v25, max
    ew1 v27, x, gelu_tanh
    ew2 v28, v26, v27, max
    ew1 v29, x, quick_gelu
    ew2 v30, v28, v29, max
    ew1 v31, x, softplus
    ew2 v32, v30, v31, max
    ew1 v33, x, sin
    ew2 v34, v32, v33, max
    ew1 v35, x, cos
    ew2 v36, v34, v35, max
    ew1 v37, x, floor
    ew2 v38, v36, v37, max
    ew1 v39, x, ceil
    ew2 v40, v38, v39, max
    ew1 v41, x, round
    ew2 v42, v40, v41, max
    ew1 v43, x, sign
    ew2 v44, v42, v43, max
    ew2 v45, x, v44, add
    ew2 v46, x, v45, sub
    ew2 v47, x, v46, mul
    ew2 v48, x, v47, div
    ew2 v49, x, v48, min
    ew2 v50, x, v49, pow
    ew2 v51, x, v50, silu_mul
    ew2 v52, x, v51, gelu_mul
    ew2 v53, x, v52, gelu_tanh_mul
    out v53, y, 0
    halt
