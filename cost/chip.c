#include "cost/chip.h"
#include "isa/count/arrays.h"
#include "isa/machine/pool.h"
#include <string.h>

static double most(double a, double b) { return a > b ? a : b; }

static double crossbar_row(const machine *m, chip_figures *f) {
    isa_crossbar_shape s = isa_crossbar_of(m);
    bool coded = m->crossbar.weight_bits > 0;
    uint64_t rows = (uint64_t)m->crossbar.rows, columns = (uint64_t)m->crossbar.columns;
    double convert = coded ? (double)m->crossbar.columns_per_adc * m->time.conversion : 0;
    f->row_ns = (double)s.phases * most(m->time.settle, convert);
    uint64_t codes = coded ? (uint64_t)(s.phases * s.slices) * columns : 0;
    isa_events e = {.array_phases = (uint64_t)(s.phases * s.arrays),
                    .dac_rows = (uint64_t)s.phases * rows,
                    .adc_conversions = codes,
                    .shift_adds = codes};
    energy_prices prices = energy_prices_of(m);
    double macs = (double)rows * (double)columns;
    if (macs > 0) f->row_pj = energy_pj(energy_of(&prices, &e));
    if (macs > 0) f->conversions_per_mac = (double)codes / macs;
    return macs;
}

static double query(const machine *m, chip_figures *f) {
    if (m->gain.slots == 0 || m->gain.head_width == 0) return 0;
    uint32_t width = (uint32_t)m->gain.head_width;
    isa_ring r = {.readout = ISA_READ_CHARGE,
                  .n_kv = 1,
                  .q_per_kv = 1,
                  .d = width,
                  .dv = width,
                  .slots = (uint32_t)m->gain.slots,
                  .sub_tile = (uint32_t)m->gain.sub_tile};
    isa_gain_arrays n = isa_gain_arrays_of(m, &r, INT64_MAX, true);
    isa_events e = {.gain_k_arrays = (uint64_t)n.k_arrays,
                    .gain_v_arrays = (uint64_t)n.v_arrays,
                    .gain_sub_tiles = (uint64_t)n.sub_tiles,
                    .gain_writes = 2 * (uint64_t)width};
    energy_prices prices = energy_prices_of(m);
    f->head_ns = machine_gain_query_ns(m, n.sub_tiles);
    f->head_pj = energy_pj(energy_of(&prices, &e));
    return 2.0 * (double)m->gain.slots * width;
}

chip_figures chip_figures_of(const machine *m) {
    chip_figures f = {0};
    double macs = crossbar_row(m, &f), head_macs = query(m, &f);
    double crossbars = (double)m->tile.count * (double)m->tile.crossbars,
           heads = (double)m->tile.count * (double)m->tile.ring_heads;
    // macs a nanosecond are two thousandths of a tera-operation a second
    if (f.row_ns > 0) f.crossbar_tops = crossbars * macs * 2 / f.row_ns / 1e3;
    if (f.head_ns > 0) f.gain_tops = heads * head_macs * 2 / f.head_ns / 1e3;
    inventory tile = inventory_empty(m);
    uint64_t host[COMPONENTS] = {[COMPONENT_host] = 1};
    f.tile_mm2 = area_mm2(area_of_all(m, tile.all));
    f.chip_mm2 = f.tile_mm2 * (double)m->tile.count + area_mm2(area_of_all(m, host));
    f.tile_static_w = (double)power_of_all(m, tile.all) / 1e12;
    f.chip_static_w =
        f.tile_static_w * (double)m->tile.count + (double)power_of_all(m, host) / 1e12;
    f.peak_w = f.chip_static_w;
    if (f.row_ns > 0) f.peak_w += crossbars * f.row_pj / f.row_ns / 1e3; // pJ a ns are mW
    if (f.head_ns > 0) f.peak_w += heads * f.head_pj / f.head_ns / 1e3;
    if (f.peak_w > 0) f.tops_per_watt = (f.crossbar_tops + f.gain_tops) / f.peak_w;
    return f;
}

static bool has(const machine *m, component c) {
    if (c == COMPONENT_gain_adc) return m->gain.score_adc_bits > 0;
    return c != COMPONENT_dense || machine_has_pool(m);
}

const char **chip_unlimited(arena *a, const machine *m, size_t *n) {
    const inventory tile = inventory_empty(m);
    const char **list = ARENA_ARRAY(a, const char *, COMPONENTS);
    *n = 0;
    for (unsigned k = 0; k < COMPONENTS; k++)
        if (k != COMPONENT_host && has(m, (component)k) && tile.all[k] == 0 &&
            (area_of(m, (component)k, 1) > 0 || power_of(m, (component)k, 1) > 0))
            list[(*n)++] = component_names[k];
    return list;
}

// --- what cannot be, and what is odd

typedef struct {
    diag_sink *diags;
    const char *name;
    bool ok;
} inspection;

#define IMPOSSIBLE(x, ...)                                                              \
    (diag_emit((x)->diags, DIAG_ID_chip_impossible, DIAG_FILE((x)->name), __VA_ARGS__), \
     (x)->ok = false)
#define ODD(x, ...) diag_emit((x)->diags, DIAG_ID_chip_odd, DIAG_FILE((x)->name), __VA_ARGS__)

static void inspect_statements(inspection *x, const machine *m) {
    static const char *const sections[] = {"time", "extra", "energy", "power", "area"};
    for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
        unsigned stated = 0, all = 0, assumed = 0;
        for (size_t k = 0; k < machine_params_count; k++) {
            if (strcmp(machine_params[k].section, sections[s]) != 0) continue;
            if (machine_is_of_pool(&machine_params[k]) && !machine_has_pool(m)) continue;
            all++;
            stated += !machine_lacks(m, k);
            assumed += machine_class_of(m, k) == MACHINE_ASSUMED;
        }
        if (stated < all)
            ODD(x, "section %s states %u of %u figures: totals name those that they miss",
                sections[s], stated, all);
        else if (assumed == all)
            ODD(x, "all %u figures of section %s are assumed", all, sections[s]);
    }
}

static void inspect_crossbars(inspection *x, const machine *m, const chip_figures *f) {
    if (m->crossbar.weight_bits == 0) return;
    isa_crossbar_shape s = isa_crossbar_of(m);
    if (m->crossbar.columns > 0 && m->crossbar.columns % m->crossbar.columns_per_adc != 0)
        ODD(x,
            "crossbar.columns_per_adc is %lld, which does not divide %lld columns: the last "
            "converter of an array idles",
            (long long)m->crossbar.columns_per_adc, (long long)m->crossbar.columns);
    if (m->time.conversion > 0 &&
        m->time.settle > 2 * (double)m->crossbar.columns_per_adc * m->time.conversion)
        ODD(x,
            "converters wait for the arrays: time.settle is %g ns, the %lld conversions behind "
            "it take %g",
            m->time.settle, (long long)m->crossbar.columns_per_adc,
            (double)m->crossbar.columns_per_adc * m->time.conversion);
    if (m->crossbar.rows > 0 && m->crossbar.adc_bits > 0) {
        int64_t top = machine_adc_sum(m);
        if (machine_adc_step(m) * (INT64_C(1) << m->crossbar.adc_bits) > 4 * top)
            ODD(x,
                "crossbar.adc_bits is %lld: a column's sums end at %lld, so that most codes are "
                "never used",
                (long long)m->crossbar.adc_bits, (long long)top);
    }
    double bytes = (double)m->crossbar.rows + 16 + 4 * (double)m->crossbar.columns;
    if (m->tile.port > 0 && f->row_ns > 0 && bytes / (double)m->tile.port > f->row_ns)
        ODD(x,
            "tile.port is %lld bytes/ns: inputs and sums of one crossbar take %.4g ns, its "
            "products %.4g",
            (long long)m->tile.port, bytes / (double)m->tile.port, f->row_ns);
    if (m->energy.conversion > 0 && (m->energy.conversion < 0.01 || m->energy.conversion > 1000))
        ODD(x, "energy.conversion is %g pJ: published converters take 0.2 to 40",
            m->energy.conversion);
    double a_mac =
        f->row_pj * 1e-12 / most(1, (double)m->crossbar.rows * (double)m->crossbar.columns);
    if (f->row_pj > 0 && a_mac < 2.9e-21 * (double)(s.phases * s.slices))
        IMPOSSIBLE(x, "a product of %g J takes less than kT ln 2 for each bit (300 K)", a_mac);
}

static void inspect_area(inspection *x, const machine *m) {
    if (m->area.array > 0 && m->crossbar.rows > 0 && m->crossbar.columns > 0) {
        double cell = m->area.array / ((double)m->crossbar.rows * (double)m->crossbar.columns);
        if (cell < 1e-6)
            IMPOSSIBLE(x, "area.array gives a cell of %g um2, less than a square nanometre", cell);
        else if (cell < 4e-4)
            ODD(x, "area.array gives a cell of %g um2, less than 4 F2 at F = 10 nm", cell);
    }
    bool loses = m->gain.retention > 0 && m->gain.retention <= 1e8;
    if (loses && m->area.gain_k > 0 && m->area.gain_k <= 1)
        ODD(x,
            "gain cells of %g um2 that lose their charge in %g ms: Leroux et al. have OSFET cells "
            "of "
            "1 um2 that hold it for seconds, and CMOS cells of 19 um2 that hold it for 5 ms",
            m->area.gain_k, m->gain.retention / 1e6);
}

static void inspect_gain(inspection *x, const machine *m, const chip_figures *f) {
    if (m->gain.retention <= 0 || f->head_ns <= 0 || m->gain.slots == 0) return;
    double window = f->head_ns * (double)m->gain.slots;
    if (window > m->gain.retention)
        ODD(x,
            "a window of %lld tokens takes %.4g us at best, longer than gain.retention of %.4g us",
            (long long)m->gain.slots, window / 1e3, m->gain.retention / 1e3);
}

bool chip_inspect(const machine *m, const char *name, diag_sink *diags) {
    inspection x = {diags, name, true};
    chip_figures f = chip_figures_of(m);
    inspect_statements(&x, m);
    inspect_crossbars(&x, m, &f);
    inspect_area(&x, m);
    inspect_gain(&x, m, &f);
    if (f.tops_per_watt > 1e6)
        IMPOSSIBLE(&x, "%.3g TOPS/W: a product for less than 2 aJ", f.tops_per_watt);
    else if (f.tops_per_watt > 1e4)
        ODD(&x, "%.4g TOPS/W: the best arrays that were published are below 10,000",
            f.tops_per_watt);
    return x.ok;
}
