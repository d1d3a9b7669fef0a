; Two tiles make a row, quantise their parts by its largest element, and a third multiplies it.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4
.port f in f32 4
.port y out f32 4
.channel c.part f32 2 depth=1 to=1
.channel c.mine f32 1 depth=1 source=1 to=0
.channel c.most f32 1 depth=1 to=1
.channel c.left q8 2 depth=1 to=2
.channel c.right q8 2 depth=1 source=1 to=2
.tile 0
  .buf x f32 4 depth=1 stride=16
  .view x.left x 0..1
  .view x.right x 2..3
  .buf both f32 2 depth=1 stride=16 base=16
  .view m0 both 0..0
  .view m1 both 1..1
  .buf most f32 1 depth=1 stride=16 base=32
  .buf q q8 2 quant=sym depth=1 stride=32 base=48
  .code run
    in x, f
    send x.right, c.part
    red m0, x.left, absmax
    recv m1, c.mine
    red most, both, absmax
    send most, c.most
    copy q, x.left, most
    send q, c.left
    halt
.tile 1
  .buf x f32 2 depth=1 stride=16
  .buf m f32 1 depth=1 stride=16 base=16
  .buf most f32 1 depth=1 stride=16 base=32
  .buf q q8 2 quant=sym depth=1 stride=32 base=48
  .code run
    recv x, c.part
    red m, x, absmax
    send m, c.mine
    recv most, c.most
    copy q, x, most
    send q, c.right
    halt
.tile 2
  .buf row q8 4 depth=1 stride=32
  .view left row 0..1 quant=sym
  .view right row 2..3 quant=sym
  .buf w f32 4 depth=1 stride=16 base=32
  .group g 4x4 cells=0 scale=256
    .block 4x4
  .code run
    recv left, c.left
    recv right, c.right
    mvm w, row, g
    out w, y, 0
    halt
