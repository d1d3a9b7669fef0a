; Ports: direction, columns, readers.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port a in f32 4
.port b out f32 8 ; expect-error: isa-port: nothing makes columns 0..1
.port b2 in pair 2 ; expect-error: isa-port: rows of ports are f32 or i32
.port c out f32 4 ; expect-error: isa-port: no phase makes it
.port d out pair 2
.tile 0 ; expect-error: isa-port: nothing makes columns 7..7
  .buf x f32 4 depth=1 stride=16
  .buf y f32 2 depth=1 stride=16 base=16
  .code run
    in x, a
    in x, a ; expect-error: isa-port: this tile has read the input already
    in x, b ; expect-error: isa-port: the port is an output; expect-error: isa-operand: operand d has 4 columns, expected 8
    copy y, x ; expect-error: isa-operand: operand d has 2 columns
    out x, a, 0 ; expect-error: isa-port: the port is an input
    out x, b, 2
    out y, b, 5 ; expect-error: isa-port: column 5 of the output is made already
    out x, b, 5 ; expect-error: isa-operand: columns 5 + 4 of a port with 8
    out y, d, 0 ; expect-error: isa-operand: operand a is f32, the port pair
    halt
