; All rows before the first: a row of another domain that is made of them all. Two row blocks of four, so two steps of the adder tree.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 digital.units=1 digital.lanes=1 passes.reduce=0 crossbar.columns_per_adc=3 time.tree=1 host.width=32
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-7 5-10 8-13
; time: 0.3 13-13
; time: 0.4 13-15 13-17 13-19
; time: 0.5 15-18 18-21 21-24
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 8
.port y out f32 2
.tile 0
  .buf x f32 8 depth=8 stride=32
  .buf a f32 2 depth=8 stride=16 base=256
  .buf s f32 2 depth=8 stride=16 base=384 dom=t1
  .buf b f32 2 depth=8 stride=16 base=512
  .buf c f32 2 depth=8 stride=16 base=640
  .group g 8x2 cells=0 scale=256 colsum=64
    .block 2x2
    .block 2x2 crossbar=1 k0=2
    .block 2x2 crossbar=2 k0=4
    .block 2x2 crossbar=3 k0=6
  .group h 2x2 cells=0 scale=256 colsum=64
    .block 2x2 crossbar=4
  .code run
    in x, x
    mvm a, x, g
    settl t1, t0, one
    rred.t1 s, a, sum
    ew2 b, a, s, add
    mvm c, b, h
    out c, y, 0
    halt
