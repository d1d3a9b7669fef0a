// Where everything of a program stands on its chip, how full it is and how busy in the long run;
// drawn as SVG (floorplan_svg.c) or for Graphviz (floorplan_dot.c).
#ifndef OHMIC_CLI_COST_FLOORPLAN_H
#define OHMIC_CLI_COST_FLOORPLAN_H
#include "cli/cost/cost.h"
#include "isa/count/mesh.h"

typedef struct {
    uint32_t index;
    double full, busy; // shares, 0 to 1
    bool limits;
} floor_crossbar;

// Everything of a tile that is one figure.
typedef struct {
    const char *name; // "digital"
    const char *text; // of the figure
    double share;
    bool is_busy; // a share of time; else of room
    bool limits;
    bool without_end; // no limit that it were a share of: text alone
} floor_bar;

enum { FLOOR_BARS = 10 };

typedef enum {
    FLOOR_UNUSED, // and left out
    FLOOR_PASSED, // rows of the program go through its router, and nothing else is used
    FLOOR_USED
} floor_use;

typedef struct {
    mesh_spot at;
    floor_crossbar *crossbars; // that hold weights
    uint32_t n_crossbars;
    floor_bar bars[FLOOR_BARS];
    uint32_t n_bars;
    const char *holds; // groups, rings and tables, a line each
    bool limits;       // something of it does
    floor_use use;
} floor_tile;

typedef struct {
    uint32_t from, to;
    double busy;
    bool limits;
} floor_link;

typedef struct {
    const cost *c;
    mesh mesh;
    int64_t rows;      // of the mesh, as far as these tiles reach
    floor_tile *tiles; // by number: the program's, and behind them those that rows pass through
    uint32_t n_tiles;  // up to the last of them
    floor_link *links; // that rows go over
    uint32_t n_links;
    const char *title, *limit; // a line each; limit: NULL, no unit is always busy
} floorplan;

void floorplan_svg(const floorplan *f, FILE *out);
void floorplan_dot(const floorplan *f, FILE *out);
#endif
